import type { DocumentStore, Storage } from '@message-vault/storage';
import type { Plant } from './plant.ts';

const CURSORS = 'cursors/';

/** The storage with `put` of cursors done otherwise. */
function withCursors(storage: Storage, put: DocumentStore['put']): Storage {
  const { documents } = storage;
  return {
    ...storage,
    documents: {
      ...documents,
      put: (path, body, condition, options) =>
        (path.startsWith(CURSORS) ? put : documents.put)(path, body, condition, options),
    },
  };
}

export const cursorsWithoutClaim: Plant = {
  name: 'cursors-without-claim',
  profile: 'bus',
  says: 'cursors are saved on top of whatever is there: a leader that was replaced takes back what the next one has saved',
  behindLine: (storage) =>
    withCursors(storage, async (path, body, _condition, options) => {
      const now = await storage.documents.get(path);
      return storage.documents.put(
        path,
        body,
        now === undefined ? { ifAbsent: true } : { ifMatch: now.etag },
        options,
      );
    }),
};

const WRITE_BEHIND_MS = 1500;

/** The process says at once that cursors are saved, and writes what it has then a good while later; until then only it knows. */
export const moveBeforeSave: Plant = {
  name: 'move-before-save',
  profile: 'bus',
  says: 'a message goes to another member before it is saved that it does: the next leader gives it to the first one again',
  beforeLine: (storage, process) => {
    /** By path: the last version in storage, once what is under way there is done, and what was made up since. */
    const kept = new Map<string, { body: Uint8Array; etag: Promise<string>; isDue: boolean }>();
    let count = 0;
    return withCursors(storage, async (path, body, condition, options) => {
      const known = kept.get(path);
      if (known === undefined) {
        const answer = await storage.documents.put(path, body, condition, options);
        kept.set(path, { body, etag: Promise.resolve(answer.etag), isDue: false });
        return answer;
      }
      known.body = body.slice();
      if (!known.isDue) {
        known.isDue = true;
        process.setTimer(WRITE_BEHIND_MS, () => {
          known.isDue = false;
          known.etag = known.etag.then(async (ifMatch) => {
            const answer = await storage.documents.put(path, known.body, { ifMatch });
            return answer.etag;
          });
          known.etag.catch(() => undefined);
        });
      }
      count += 1;
      return { etag: `"made up ${process.id} ${count}"` };
    });
  },
};
