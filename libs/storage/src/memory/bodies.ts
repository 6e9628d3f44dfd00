import type { Runtime } from '@message-vault/runtime';
import type { BodyStore } from '../ports.ts';
import { checkBlobName, checkBody, checkListLimit } from '../rules.ts';
import { answerRepeatable } from './answers.ts';
import type { MemoryContainers } from './containers.ts';

/** Bodies in this process's memory, in the containers that segments live in too. */
export function memoryBodies(containers: MemoryContainers, runtime: Runtime): BodyStore {
  return {
    put: (container, id, bytes, options) =>
      answerRepeatable(options, () => {
        checkBlobName(id);
        checkBody(bytes);
        const { bodies } = containers.get(container);
        bodies.set(id, { bytes: bytes.slice(), createdAt: runtime.now() });
      }),
    get: (container, id, options) =>
      answerRepeatable(options, () => {
        checkBlobName(id);
        return containers.find(container)?.bodies.get(id)?.bytes.slice();
      }),
    delete: (container, id, options) =>
      answerRepeatable(options, () => {
        checkBlobName(id);
        containers.find(container)?.bodies.delete(id);
      }),
    list: (container, { limit, cursor } = {}, options) =>
      answerRepeatable(options, () => {
        const pageSize = checkListLimit(limit);
        const rest = [...containers.get(container).bodies]
          .filter(([id]) => cursor === undefined || id > cursor)
          .sort(([a], [b]) => (a < b ? -1 : 1));
        const page = rest.slice(0, pageSize);
        return {
          bodies: page.map(([id, { bytes, createdAt }]) => ({ id, createdAt, byteLength: bytes.length })),
          cursor: rest.length > pageSize ? page.at(-1)?.[0] : undefined,
        };
      }),
  };
}
