import { describe, expect, it } from 'vitest';
import {
  containerName,
  deadLetterOf,
  deadLetterOwner,
  encodeNameChanges,
  encodeNameDocument,
  encodeRemovedName,
  encodeTrashDocument,
  epochOf,
  intakeOf,
  type NameDocument,
  nameLabel,
  parseNameChanges,
  parseNameDocument,
  parseNameLabel,
  parseNameRecord,
  parsePolicy,
  parseTrashDocument,
  type QueueDocument,
  type RemovedName,
  type RolePolicy,
  type RouterDocument,
  summaryOf,
} from '../src/index.ts';

const uuid = (at: number): string => `0b5e6c0e-7f3a-4c39-9d56-0a1b2c3d4e${String(at).padStart(2, '0')}`;
const place = (at: number): string => containerName(new Uint8Array(16).fill(at));
const common = { version: 1, name: 'work', createdAt: 5, createdByEpoch: 3 } as const;

function policyOf<Role extends RolePolicy['role']>(role: Role, fields: object = {}) {
  const parsed = parsePolicy({ role, ...fields });
  if (parsed.role !== role) throw new Error('another role');
  return parsed.policy as Extract<RolePolicy, { role: Role }>['policy'];
}

const queue: QueueDocument = {
  ...common,
  role: 'queue',
  queueId: uuid(1),
  queue: place(1),
  deadLetterId: uuid(2),
  deadLetterQueue: place(2),
  container: place(3),
  policy: policyOf('queue', {
    lockDuration: '5s',
    maxMessageAge: '1h',
    maxQueueLength: 3,
    maxDequeueRetries: 1,
  }),
};
const router: RouterDocument = {
  ...common,
  role: 'router',
  routerId: uuid(1),
  streamId: uuid(3),
  container: place(1),
  deadLetterId: uuid(2),
  deadLetterQueue: place(2),
  bodiesContainer: place(3),
  policy: policyOf('router', { maxMessageSize: 100, authorization: 'none' }),
};
const documents: NameDocument[] = [
  queue,
  router,
  { ...common, role: 'connection-point', policy: policyOf('connection-point') },
  { ...common, role: 'metadata', changedByEpoch: 9, policy: policyOf('metadata', { uri: 'urn:x' }) },
  { ...common, role: 'stream', streamId: uuid(1), container: place(1), policy: policyOf('stream') },
];
const removed: RemovedName = { version: 1, name: 'work', role: 'none', removedAt: 7, removedByEpoch: 4 };

describe('what is stored of a name', () => {
  it.each(documents)('comes back as it was: $role', (document) => {
    expect(parseNameDocument(encodeNameDocument(document))).toEqual(document);
    expect(parseNameRecord(encodeNameDocument(document))).toEqual(document);
    expect(epochOf(document)).toBe(document.changedByEpoch ?? 3);
  });

  it('may be that its role was removed, which is no document', () => {
    expect(parseNameRecord(encodeRemovedName(removed))).toEqual(removed);
    expect(() => parseNameDocument(encodeRemovedName(removed))).toThrow(/wrong shape/);
    expect(epochOf(removed)).toBe(4);
  });

  it('is never the queue of dead letters, which is derived', () => {
    expect(() => encodeNameDocument(deadLetterOf(queue))).toThrow();
  });
});

describe('labels', () => {
  it.each([...documents, removed])('say of a name what a listing needs: $role', (record) => {
    expect(parseNameLabel(nameLabel(record))).toEqual(summaryOf(record));
  });

  it.each([
    undefined,
    '',
    'n2 queue managers required none -',
    'n1 topic managers required none -',
    'n1 queue',
    'n1 queue managers required none - x',
    'n1 queue managers required none 1e9',
  ])('are passed over when they are not of this version: %s', (label) => {
    expect(parseNameLabel(label)).toBeUndefined();
  });
});

describe('dead letters', () => {
  it('are a queue that gives nothing up and throws nothing away', () => {
    const letters = deadLetterOf(queue);
    expect(letters).toMatchObject({
      name: 'work/dead-letter',
      queue: queue.deadLetterQueue,
      container: queue.container,
      deadLetterOf: 'work',
    });
    expect(letters.policy).toMatchObject({
      lockDurationMs: 5000,
      maxDequeueRetries: 1_000_000,
      poisonMessageDrop: false,
    });
    expect(letters.policy.maxMessageAgeMs ?? letters.policy.maxQueueLength).toBeUndefined();
    expect(deadLetterOf(router)).toMatchObject({
      container: router.bodiesContainer,
      policy: { lockDurationMs: 60_000, authorization: 'none' },
    });
    expect(['a/dead-letter', 'a/b', 'dead-letter'].map(deadLetterOwner)).toEqual(['a', undefined, undefined]);
  });
});

describe('the intake of a router', () => {
  it('is a stream of its name that takes the messages the router takes', () => {
    expect(intakeOf(router)).toMatchObject({
      role: 'stream',
      name: 'work',
      streamId: router.streamId,
      container: router.container,
      policy: { maxMessageSize: 100, authorization: 'none' },
    });
  });
});

describe('what leaders leave each other', () => {
  it('comes back from storage as it was', () => {
    const trash = {
      version: 1 as const,
      id: uuid(1),
      name: 'work',
      state: 'removing' as const,
      identity: uuid(1),
      containers: [place(1)],
      queues: [],
      documents: ['routers/x'],
      at: 5,
    };
    expect(parseTrashDocument(encodeTrashDocument(trash))).toEqual(trash);
    const changes = { version: 1 as const, epoch: 2, sequence: 300, recent: ['a', 'a', 'b/c'] };
    expect(parseNameChanges(encodeNameChanges(changes))).toEqual(changes);
  });

  it('can not name what is no container of ours', () => {
    const trash = {
      version: 1 as const,
      id: uuid(1),
      name: 'work',
      state: 'making' as const,
      containers: ['mv-sys'],
      queues: [],
      documents: [],
      at: 5,
    };
    expect(() => encodeTrashDocument(trash)).toThrow();
  });
});
