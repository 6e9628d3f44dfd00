import type { Storage } from '@message-vault/storage';

/** `storage`, from which documents under `prefix` come back with what `revive` makes of them, as JSON.parse calls it. */
export function misread(
  storage: Storage,
  prefix: string,
  revive: (key: string, value: unknown) => unknown,
): Storage {
  const { documents } = storage;
  return {
    ...storage,
    documents: {
      ...documents,
      get: async (path, options) => {
        const found = await documents.get(path, options);
        if (found === undefined || !path.startsWith(prefix)) return found;
        const text = Buffer.from(found.body).toString('utf8');
        return { ...found, body: Buffer.from(JSON.stringify(JSON.parse(text, revive))) };
      },
    },
  };
}
