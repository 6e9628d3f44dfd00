import type { BodyStore } from '../ports.ts';
import { checkBlobName, checkBody, checkContainer, checkListLimit } from '../rules.ts';
import { type FileCalls, ownBytes } from './calls.ts';
import type { FileClock } from './clock.ts';

/** Bodies as rows of the database, in the containers that segments live in too. */
export function fileBodies({ repeatable }: FileCalls, clock: FileClock): BodyStore {
  return {
    async put(container, id, bytes, options) {
      checkContainer(container);
      checkBlobName(id);
      checkBody(bytes);
      await repeatable(options, 'putBody', container, id, ownBytes(bytes), clock.now());
    },
    async get(container, id, options) {
      checkContainer(container);
      checkBlobName(id);
      return await repeatable(options, 'getBody', container, id);
    },
    async delete(container, id, options) {
      checkContainer(container);
      checkBlobName(id);
      await repeatable(options, 'deleteBody', container, id);
    },
    async list(container, { limit, cursor } = {}, options) {
      checkContainer(container);
      return await repeatable(options, 'listBodies', container, checkListLimit(limit), cursor);
    },
  };
}
