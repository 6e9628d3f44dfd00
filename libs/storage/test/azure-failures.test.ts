import { inspect } from 'node:util';
import { systemRuntime } from '@message-vault/runtime';
import { azureStorage, type Storage, StorageError, type StorageErrorCode } from '@message-vault/storage';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { developmentAccount } from '../src/azure/connection-string.ts';
import { codeOf } from '../src/conformance/outcomes.ts';
import { handClock } from './hand-clock.ts';
import {
  type Action,
  answers,
  breaksOff,
  hangsUp,
  type ScriptedServer,
  scriptedServer,
  staysSilent,
} from './scripted-server.ts';

const ref = { container: 'mv-scripted', segment: '0' };
const conditions = { epoch: 1, etag: '"0x1"' };
const page = new Uint8Array(512);
const receipt = { messageId: crypto.randomUUID(), popReceipt: 'AgAAAAMAAAA=' };
const found = answers(206, undefined, {
  etag: '"0x2"',
  'content-length': '512',
  'x-test-body': 'x'.repeat(512),
});

let server: ScriptedServer;
let storage: Storage;

beforeAll(async () => {
  server = await scriptedServer();
});
afterAll(() => server.stop());

beforeEach(() => {
  storage = azureStorage({
    connectionString: server.connectionString,
    maxTries: 3,
    backoffMs: 1,
    maxBackoffMs: 2,
  });
});
afterEach(() => storage.close());

const write = (): Promise<unknown> => storage.pages.writePages(ref, 0, page, conditions);
const read = (): Promise<unknown> => storage.pages.readRange(ref, { offset: 0, length: 512 });

/** The writes there are: made by us directly, and made through the SDK. */
const writes: [name: string, call: () => Promise<unknown>][] = [
  ['writePages', write],
  ['clearPages', () => storage.pages.clearPages(ref, { offset: 0, length: 512 }, conditions)],
  ['createSegment', () => storage.pages.createSegment(ref, { sizeBytes: 512, epoch: 1 })],
  ['documents.put', () => storage.documents.put('a', page, { ifAbsent: true })],
  ['documents.delete', () => storage.documents.delete('a', { ifMatch: '"0x1"' })],
  ['leases.acquire', () => storage.leases.acquire('l', crypto.randomUUID(), 15)],
  ['leases.renew', () => storage.leases.renew('l', crypto.randomUUID())],
  ['leases.break', () => storage.leases.break('l')],
  ['queues.send', () => storage.queues.send('mv-queue', page)],
  ['queues.receive', () => storage.queues.receive('mv-queue', { max: 1, visibilityTimeoutMs: 1000 })],
  ['queues.update', () => storage.queues.update('mv-queue', receipt, { visibilityTimeoutMs: 0 })],
  ['queues.delete', () => storage.queues.delete('mv-queue', receipt)],
];

/** Reads, and calls that may be repeated. */
const repeatables: [name: string, call: () => Promise<unknown>][] = [
  ['readRange', read],
  ['segmentProperties', () => storage.pages.segmentProperties(ref)],
  ['writtenRanges', () => storage.pages.writtenRanges(ref, { offset: 0, length: 512 })],
  ['listSegments', () => storage.pages.listSegments(ref.container)],
  ['fence', () => storage.pages.fence(ref, 1)],
  ['createContainer', () => storage.pages.createContainer(ref.container)],
  ['deleteContainer', () => storage.pages.deleteContainer(ref.container)],
  ['deleteSegment', () => storage.pages.deleteSegment(ref)],
  ['documents.get', () => storage.documents.get('a')],
  ['documents.list', () => storage.documents.list('a')],
  ['leases.ensure', () => storage.leases.ensure('l')],
  ['leases.release', () => storage.leases.release('l', crypto.randomUUID())],
  ['leases.isHeld', () => storage.leases.isHeld('l')],
  ['queues.createQueue', () => storage.queues.createQueue('mv-queue')],
  ['queues.deleteQueue', () => storage.queues.deleteQueue('mv-queue')],
  ['queues.peek', () => storage.queues.peek('mv-queue', 1)],
  ['queues.properties', () => storage.queues.properties('mv-queue')],
  ['bodies.put', () => storage.bodies.put(ref.container, 'a', page)],
  ['bodies.get', () => storage.bodies.get(ref.container, 'a')],
  ['bodies.delete', () => storage.bodies.delete(ref.container, 'a')],
  ['bodies.list', () => storage.bodies.list(ref.container)],
];

const lostAnswers: [name: string, action: Action][] = [
  ['500 InternalError', answers(500, 'InternalError')],
  ['500 OperationTimedOut', answers(500, 'OperationTimedOut')],
  ['502 from something in between', answers(502)],
  ['503 from something in between', answers(503)],
  ['429 from something in between', answers(429)],
  ['a redirect', answers(307, undefined, { location: 'http://127.0.0.1:1/' })],
  ['a closed connection', hangsUp],
];

describe('azure: a write', () => {
  it.each(
    writes.flatMap(([name, call]) => lostAnswers.map(([what, action]) => ({ name, what, call, action }))),
  )('$name answered with $what has an unknown outcome, and is not sent again', async ({ call, action }) => {
    server.script(action);
    expect(await codeOf(call())).toBe('outcome_unknown');
    expect(server.requests).toHaveLength(1);
  });

  it.each(writes)(
    '%s refused as ServerBusy was not applied: it is throttled, and not sent again',
    async (_, call) => {
      server.script(answers(503, 'ServerBusy', { 'retry-after': '7' }));
      await expect(call()).rejects.toMatchObject({ code: 'throttled', retryAfterMs: 7000 });
      expect(server.requests).toHaveLength(1);
    },
  );

  it.each<[status: number, errorCode: string | undefined, code: StorageErrorCode]>([
    [412, 'SequenceNumberConditionNotMet', 'epoch_fenced'],
    [412, 'ConditionNotMet', 'etag_mismatch'],
    [412, 'LeaseIdMissing', 'lease_conflict'],
    [404, 'BlobNotFound', 'not_found'],
    [404, 'ContainerNotFound', 'not_found'],
    [409, 'ContainerBeingDeleted', 'not_found'],
    [409, 'InvalidBlobType', 'invalid_request'],
    [403, 'AuthenticationFailed', 'unauthorized'],
    [401, 'NoAuthenticationInformation', 'unauthorized'],
    [400, 'InvalidHeaderValue', 'invalid_request'],
    [413, 'RequestBodyTooLarge', 'invalid_request'],
    [416, 'InvalidPageRange', 'invalid_request'],
    [412, undefined, 'etag_mismatch'],
  ])('refused with %i %s is %s', async (status, errorCode, code) => {
    server.script(answers(status, errorCode));
    expect(await codeOf(write())).toBe(code);
    expect(server.requests).toHaveLength(1);
  });

  it('answered with success but no ETag has an unknown outcome', async () => {
    server.script(answers(201));
    expect(await codeOf(write())).toBe('outcome_unknown');
    expect(await codeOf(storage.pages.createSegment(ref, { sizeBytes: 512, epoch: 1 }))).toBe(
      'outcome_unknown',
    );
  });

  it('that creates what is there is told so, whichever way the storage puts it', async () => {
    for (const action of [answers(409, 'BlobAlreadyExists'), answers(412, 'ConditionNotMet')]) {
      server.script(action);
      expect(await codeOf(storage.pages.createSegment(ref, { sizeBytes: 512, epoch: 1 }))).toBe(
        'already_exists',
      );
      expect(await codeOf(storage.documents.put('a', page, { ifAbsent: true }))).toBe('already_exists');
      await storage.leases.ensure('l');
    }
  });

  it('that no page grid or size allows is refused without calling the storage', async () => {
    server.script(answers(201, undefined, { etag: '"0x2"' }));
    const { pages } = storage;
    expect(await codeOf(pages.writePages(ref, 1, page, conditions))).toBe('invalid_request');
    expect(await codeOf(pages.writePages(ref, 0, page.subarray(1), conditions))).toBe('invalid_request');
    expect(await codeOf(pages.writePages(ref, 0, new Uint8Array(4 * 1024 * 1024 + 512), conditions))).toBe(
      'invalid_request',
    );
    expect(await codeOf(pages.clearPages(ref, { offset: 0, length: 513 }, conditions))).toBe(
      'invalid_request',
    );
    expect(server.requests).toEqual([]);
  });

  it('aborted by its caller has an unknown outcome', async () => {
    server.script(staysSilent);
    const giveUp = new AbortController();
    const code = codeOf(storage.pages.writePages(ref, 0, page, conditions, { signal: giveUp.signal }));
    await server.received(1);
    giveUp.abort();
    expect(await code).toBe('outcome_unknown');
    expect(server.requests).toHaveLength(1);
  });

  it('renewing a lease that comes back under another id is a conflict', async () => {
    const mine = crypto.randomUUID();
    server.script(answers(200, undefined, { 'x-ms-lease-id': crypto.randomUUID(), etag: '"0x1"' }));
    expect(await codeOf(storage.leases.renew('l', mine))).toBe('lease_conflict');
    server.script(answers(200, undefined, { 'x-ms-lease-id': mine, etag: '"0x1"' }));
    await storage.leases.renew('l', mine);
  });
});

describe('azure: a read, or a call that may be repeated', () => {
  it.each(
    repeatables.flatMap(([name, call]) =>
      lostAnswers.map(([what, action]) => ({ name, what, call, action })),
    ),
  )(
    '$name answered with $what is tried as often as allowed, and is then unavailable',
    async ({ call, action }) => {
      server.script(action);
      expect(await codeOf(call())).toBe('unavailable');
      expect(server.requests).toHaveLength(3);
    },
  );

  it.each(repeatables)(
    '%s refused as ServerBusy is tried as often as allowed, and is then throttled',
    async (_, call) => {
      server.script(answers(503, 'ServerBusy'));
      expect(await codeOf(call())).toBe('throttled');
      expect(server.requests).toHaveLength(3);
    },
  );

  it('succeeds when one of the tries does', async () => {
    server.script(answers(500, 'InternalError'), hangsUp, found);
    expect(await read()).toEqual({ status: 'read', bytes: new Uint8Array(512).fill(120), etag: '"0x2"' });
    expect(server.requests).toHaveLength(3);
  });

  it('broken off in the middle of its bytes is tried again, and never answers half of them', async () => {
    server.script(breaksOff, found);
    expect(await read()).toMatchObject({ status: 'read', etag: '"0x2"' });
    server.script(breaksOff);
    expect(await codeOf(read())).toBe('unavailable');
  });

  it('answered with more than it asked for is unavailable, not read without bound', async () => {
    server.script(answers(200, undefined, { etag: '"0x2"', 'x-test-body': 'x'.repeat(1_000_000) }));
    expect(await codeOf(read())).toBe('unavailable');
  });

  it('answered with what is not the XML it should be is unavailable', async () => {
    for (const body of ['', '<EnumerationResults><Blobs>', 'not XML at all']) {
      server.script(answers(200, undefined, { 'content-type': 'application/xml', 'x-test-body': body }));
      expect(await codeOf(storage.pages.listSegments(ref.container))).toBe('unavailable');
    }
  });

  it('is not tried again where that would not help', async () => {
    server.script(answers(404, 'BlobNotFound'));
    expect(await codeOf(read())).toBe('not_found');
    expect(server.requests).toHaveLength(1);
    server.script(answers(403, 'AuthenticationFailed'));
    expect(await codeOf(storage.pages.fence(ref, 1))).toBe('unauthorized');
    expect(server.requests).toHaveLength(1);
  });

  it('aborted by its caller ends at once, without another try', async () => {
    server.script(staysSilent);
    const giveUp = new AbortController();
    const code = codeOf(storage.pages.segmentProperties(ref, { signal: giveUp.signal }));
    await server.received(1);
    giveUp.abort();
    expect(await code).toBe('unavailable');
    expect(server.requests).toHaveLength(1);
  });

  it('deleting a container that is being deleted succeeds; creating one is unavailable for now', async () => {
    server.script(answers(409, 'ContainerBeingDeleted'));
    await storage.pages.deleteContainer(ref.container);
    expect(await codeOf(storage.pages.createContainer(ref.container))).toBe('unavailable');
  });
});

describe('azure: time-outs', () => {
  it('end a try that gets no answer: a read is tried again, a write has an unknown outcome', async () => {
    const clock = handClock();
    const timed = azureStorage({
      connectionString: server.connectionString,
      runtime: { ...clock.runtime, now: systemRuntime.now, random: () => 1 },
      readTimeoutMs: 300,
      writeTimeoutMs: 700,
      maxTries: 2,
      backoffMs: 50,
    });
    server.script(staysSilent, found);
    const reading = timed.pages.readRange(ref, { offset: 0, length: 512 });
    await server.received(1);
    await clock.pass(300);
    await clock.pass(50);
    expect(await reading).toMatchObject({ status: 'read' });

    server.script(staysSilent);
    const writing = codeOf(timed.pages.writePages(ref, 0, page, conditions));
    await server.received(1);
    await clock.pass(700);
    expect(await writing).toBe('outcome_unknown');
    await timed.close();
  });
});

describe('azure: connections', () => {
  it('are used again, also after HEAD and error answers', async () => {
    const before = server.connections();
    server.script(
      answers(200, undefined, { etag: '"0x2"', 'x-ms-blob-sequence-number': '1', 'content-length': '512' }),
    );
    for (let i = 0; i < 5; i++) await storage.pages.segmentProperties(ref);
    server.script(answers(412, 'ConditionNotMet', { 'content-length': '0' }));
    for (let i = 0; i < 5; i++) await codeOf(write());
    // One, or two in turn: undici lets a connection rest for a moment after each answer.
    expect(server.connections() - before).toBeLessThanOrEqual(2);
  });

  it('are never more than allowed, and the calls beyond that wait their turn', async () => {
    const own = await scriptedServer();
    const few = azureStorage({ connectionString: own.connectionString, maxConnections: 3 });
    own.script(found);
    const reads = Array.from({ length: 50 }, () => few.pages.readRange(ref, { offset: 0, length: 512 }));
    expect(await Promise.all(reads)).toHaveLength(50);
    expect(own.mostConnections()).toBeLessThanOrEqual(3);
    await few.close();
    await own.stop();
  });
});

describe('azure: secrets', () => {
  it('are in no error, however deep it is looked into', async () => {
    const failures: unknown[] = [];
    for (const action of [answers(500, 'InternalError'), answers(403, 'AuthenticationFailed'), hangsUp]) {
      for (const [, call] of [...writes, ...repeatables]) {
        server.script(action);
        failures.push(await call().catch((error: unknown) => error));
      }
    }
    expect(failures.every((failure) => failure instanceof StorageError)).toBe(true);
    const printed = failures.map((failure) => inspect(failure, { depth: 20, showHidden: true })).join('\n');
    expect(printed).not.toMatch(/sig=|SharedKey|Authorization/i);
    expect(printed).not.toContain(developmentAccount.key);
  });
});
