import { azureStorage, type Storage, type StorageErrorCode } from '@message-vault/storage';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { codeOf } from '../src/conformance/outcomes.ts';
import { answers, type ScriptedServer, scriptedServer } from './scripted-server.ts';

const queue = 'mv-scripted';
const receipt = { messageId: crypto.randomUUID(), popReceipt: 'AgAAAAMAAAA=' };
const body = new Uint8Array([1, 2, 3]);

let server: ScriptedServer;
let storage: Storage;

beforeAll(async () => {
  server = await scriptedServer();
});
afterAll(() => server.stop());

beforeEach(() => {
  storage = azureStorage({ connectionString: server.connectionString, maxTries: 2, backoffMs: 1 });
});
afterEach(() => storage.close());

const send = (): Promise<unknown> => storage.queues.send(queue, body);
const receive = (): Promise<unknown> => storage.queues.receive(queue, { max: 2, visibilityTimeoutMs: 1000 });
const update = (): Promise<{ popReceipt: string }> =>
  storage.queues.update(queue, receipt, { visibilityTimeoutMs: 0 });
const remove = (): Promise<void> => storage.queues.delete(queue, receipt);

/** An answer with this XML in it, as Azure writes it. */
function list(status: number, inside: string): ReturnType<typeof answers> {
  const text = `<?xml version="1.0" encoding="utf-8"?>${inside}`;
  return answers(status, undefined, { 'content-type': 'application/xml', 'x-test-body': text });
}

const message = (changes: Record<string, string> = {}): string => {
  const elements = {
    MessageId: receipt.messageId,
    InsertionTime: 'Fri, 09 Oct 2026 21:04:30 GMT',
    ExpirationTime: 'Fri, 31 Dec 9999 23:59:59 GMT',
    PopReceipt: receipt.popReceipt,
    TimeNextVisible: 'Fri, 09 Oct 2026 23:29:20 GMT',
    DequeueCount: '3',
    MessageText: 'AQID',
    ...changes,
  };
  const written = Object.entries(elements).map(([name, value]) => `<${name}>${value}</${name}>`);
  return `<QueueMessage>${written.join('')}</QueueMessage>`;
};
const messages = (...inside: string[]): string => `<QueueMessagesList>${inside.join('')}</QueueMessagesList>`;

describe('azure: a message held by a receipt', () => {
  it.each<[status: number, errorCode: string, code: StorageErrorCode]>([
    [404, 'MessageNotFound', 'receipt_lost'],
    [400, 'PopReceiptMismatch', 'receipt_lost'],
    [400, 'InvalidQueryParameterValue', 'receipt_lost'],
    [400, 'OutOfRangeQueryParameterValue', 'receipt_lost'],
    [400, 'InvalidHeaderValue', 'invalid_request'],
    [404, 'QueueNotFound', 'not_found'],
    [409, 'QueueBeingDeleted', 'not_found'],
    [403, 'AuthenticationFailed', 'unauthorized'],
  ])('answered with %i %s is %s, and not asked for again', async (status, errorCode, code) => {
    for (const call of [update, remove]) {
      server.script(answers(status, errorCode));
      expect(await codeOf(call())).toBe(code);
      expect(server.requests).toHaveLength(1);
    }
  });

  it('updated without being told its new receipt has an unknown outcome', async () => {
    server.script(answers(204));
    expect(await codeOf(update())).toBe('outcome_unknown');
    server.script(answers(204, undefined, { 'x-ms-popreceipt': 'next' }));
    expect(await update()).toEqual({ popReceipt: 'next' });
  });

  it('is never made into a request about the whole queue', async () => {
    server.script(answers(204));
    expect(await codeOf(storage.queues.delete(queue, { ...receipt, messageId: '' }))).toBe('receipt_lost');
    expect(await codeOf(storage.queues.delete(queue, { ...receipt, messageId: '..' }))).toBe('receipt_lost');
    expect(server.requests).toEqual([]);
  });
});

describe('azure: a list of messages', () => {
  it('is read as the service writes it', async () => {
    server.script(
      list(200, messages(message(), message({ ExpirationTime: 'Fri, 16 Oct 2026 21:04:30 GMT' }))),
    );
    const first = {
      ...receipt,
      ...{ body, dequeueCount: 3, insertedAt: Date.UTC(2026, 9, 9, 21, 4, 30), expiresAt: undefined },
    };
    expect(await receive()).toEqual([first, { ...first, expiresAt: Date.UTC(2026, 9, 16, 21, 4, 30) }]);
  });

  it.each(['<QueueMessagesList/>', '<QueueMessagesList />', messages()])(
    'of none, written %s, is empty',
    async (text) => {
      server.script(list(200, text));
      expect(await receive()).toEqual([]);
    },
  );

  it.each([
    ['nothing at all', ''],
    ['something else', '<html><body>Sign in</body></html>'],
    ['half of it', messages(message(), message()).slice(0, -30)],
    ['no receipt', messages(message({ PopReceipt: '' }))],
    ['no id', messages(message({ MessageId: '' }))],
    ['no time', messages(message({ InsertionTime: 'soon' }))],
    ['no count', messages(message({ DequeueCount: 'often' }))],
  ])('with %s in it can not be trusted: some messages may be locked', async (_, text) => {
    server.script(list(200, text));
    expect(await codeOf(receive())).toBe('outcome_unknown');
    expect(server.requests).toHaveLength(1);
  });

  it('peeked at is asked for again when it can not be trusted', async () => {
    server.script(list(200, '<html/>'), list(200, messages(message())));
    expect(await storage.queues.peek(queue, 1)).toMatchObject([{ messageId: receipt.messageId, body }]);
  });
});

describe('azure: a message sent', () => {
  it('is known by its receipt, and unknown without one', async () => {
    server.script(list(201, messages(message())));
    expect(await send()).toEqual(receipt);
    server.script(list(201, messages()));
    expect(await codeOf(send())).toBe('outcome_unknown');
  });

  it('to a queue that is being deleted finds none, and making it again is for later', async () => {
    server.script(answers(409, 'QueueBeingDeleted'));
    expect(await codeOf(send())).toBe('not_found');
    await storage.queues.deleteQueue(queue);
    expect(await codeOf(storage.queues.createQueue(queue))).toBe('unavailable');
  });

  it('with times carries them in whole seconds, rounded up, and lives for ever without', async () => {
    server.script(list(201, messages(message())));
    await storage.queues.send(queue, body, { delayMs: 1, timeToLiveMs: 2001 });
    await send();
    expect(server.requests.map((line) => /visibilitytimeout=\d+&messagettl=-?\d+/.exec(line)?.[0])).toEqual([
      'visibilitytimeout=1&messagettl=3',
      'visibilitytimeout=0&messagettl=-1',
    ]);
  });
});

it('azure: queues of an account that does not say where they are are refused, and say what is missing', async () => {
  const connectionString = server.connectionString.replace(/QueueEndpoint=[^;]*;/, '');
  const blobsOnly = azureStorage({ connectionString });
  const failure = blobsOnly.queues.createQueue(queue);
  await expect(failure).rejects.toMatchObject({ code: 'invalid_request' });
  await expect(failure).rejects.toThrow(/QueueEndpoint/);
  await blobsOnly.close();
});
