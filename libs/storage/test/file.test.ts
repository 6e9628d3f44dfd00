import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Storage } from '@message-vault/storage';
import {
  runBodyStoreConformance,
  runDocumentStoreConformance,
  runLeaseStoreConformance,
  runPageStoreConformance,
  runQueueStoreConformance,
} from '@message-vault/storage/conformance';
import { afterAll, beforeAll } from 'vitest';
import type { FileClock } from '../src/file/clock.ts';
import { openThread, portsOf } from '../src/file/storage.ts';
import { handClock } from './hand-clock.ts';

type Threads = readonly [Awaited<ReturnType<typeof openThread>>, Awaited<ReturnType<typeof openThread>>];

let dir: string;
let threads: Threads;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'mvault-file-'));
  // At once: one of them makes the database, and the other one waits for it.
  threads = await Promise.all([openThread({ dir }), openThread({ dir })]);
});

afterAll(async () => {
  await Promise.all(threads.map((thread) => thread.close()));
  await rm(dir, { recursive: true });
});

/** Every call of a port goes to the node that did not get the one before. */
function inTurns<Port extends object>(ports: readonly [Port, Port]): Port {
  let calls = 0;
  return new Proxy(ports[0], {
    get(_, key) {
      const port = calls++ % 2 === 0 ? ports[0] : ports[1];
      return Reflect.get(port, key, port);
    },
  });
}

function ofBoth(clock: FileClock): Storage {
  const [a, b] = [portsOf(threads[0], clock), portsOf(threads[1], clock)];
  return {
    ...a,
    pages: inTurns([a.pages, b.pages]),
    leases: inTurns([a.leases, b.leases]),
    documents: inTurns([a.documents, b.documents]),
    queues: inTurns([a.queues, b.queues]),
    bodies: inTurns([a.bodies, b.bodies]),
  };
}

const kinds: [string, (clock: FileClock) => Storage][] = [
  ['file', (clock) => portsOf(threads[0], clock)],
  ['file of two nodes', ofBoth],
];

for (const [name, make] of kinds) {
  const { runtime } = handClock();
  runPageStoreConformance(name, () => make(runtime).pages);
  runDocumentStoreConformance(name, () => make(runtime).documents);
  runBodyStoreConformance(name, () => make(runtime));
  // Each in a time of its own, though they share the database: what they make there has names of its own, too.
  runLeaseStoreConformance(name, () => {
    const clock = handClock();
    return {
      leases: make(clock.runtime).leases,
      outlast: (_, seconds) => clock.pass(seconds * 1000),
    };
  });
  runQueueStoreConformance(name, () => {
    const clock = handClock();
    return { queues: make(clock.runtime).queues, pass: clock.pass };
  });
}
