import { type ForwardAnswer, ForwardError, type ForwardRequest } from '@message-vault/http';
import { encodeLeaderDocument, LEADER_PATH } from '@message-vault/metadata';
import { sleep } from '@message-vault/runtime';
import { VirtualRuntime } from '@message-vault/runtime/testing';
import { memoryStorage, type Storage } from '@message-vault/storage';
import { expect, test } from 'vitest';
import { Forwarder } from '../src/forwarder.ts';
import { LeaderView } from '../src/leader-view.ts';

const request: ForwardRequest = {
  method: 'POST',
  path: '/orders',
  headers: {},
  body: Buffer.from('one'),
  signal: new AbortController().signal,
};

async function* bytes(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

const stored = (): ForwardAnswer => ({ status: 201, headers: {}, body: bytes('{}') });
const refused = (code: string): ForwardAnswer => ({
  status: 503,
  headers: {},
  body: bytes(JSON.stringify({ code })),
});

/** A forwarder of the node `http://reader`, over a storage in which leaders can be put. */
function forwarding(
  nodes: Record<string, (sent: ForwardRequest) => ForwardAnswer | ForwardError | Promise<ForwardAnswer>>,
  leadsItself: () => boolean = () => false,
) {
  const runtime = new VirtualRuntime();
  const storage = memoryStorage({ runtime });
  const tried: string[] = [];
  const outcomes: string[] = [];
  const forwarder = new Forwarder({
    runtime,
    view: new LeaderView({ documents: storage.documents, runtime, maxAgeMs: 1000 }),
    ownUrl: () => 'http://reader',
    leadsItself,
    holdMs: 5000,
    counted: (outcome) => outcomes.push(outcome),
    peers: {
      async forward(url, sent) {
        tried.push(url);
        const answer = (await nodes[url]?.(sent)) ?? new ForwardError('leader_unreachable', 'refused');
        if (answer instanceof ForwardError) throw answer;
        return answer;
      },
    },
  });
  return { runtime, storage, forwarder, tried, outcomes };
}

async function lead(storage: Storage, url: string, epoch: number): Promise<void> {
  const body = encodeLeaderDocument({ version: 1, epoch, nodeId: url.slice(7), url, since: 0 });
  const now = await storage.documents.get(LEADER_PATH);
  await storage.documents.put(
    LEADER_PATH,
    body,
    now === undefined ? { ifAbsent: true } : { ifMatch: now.etag },
  );
}

test('a request that meets a dead leader waits and goes to the next one', async () => {
  const { runtime, storage, forwarder, tried, outcomes } = forwarding({ 'http://b': stored });
  await lead(storage, 'http://a', 1);
  runtime.setTimer(900, () => void lead(storage, 'http://b', 2));
  const answer = await runtime.run(forwarder.forward(request));
  expect(answer.status).toBe(201);
  expect(tried).toEqual(['http://a', 'http://b']);
  expect(outcomes).toEqual(['held', 'answered']);
  expect(runtime.monotonic()).toBeLessThan(1300);
});

test('a request held by the very node that comes to lead next is served there at once', async () => {
  const { runtime, storage, forwarder, tried } = forwarding({ 'http://reader': stored }, () => true);
  await lead(storage, 'http://a', 1);
  runtime.setTimer(500, () => void lead(storage, 'http://reader', 2));
  expect((await runtime.run(forwarder.forward(request))).status).toBe(201);
  expect(tried).toEqual(['http://a', 'http://reader']);
  expect(runtime.monotonic()).toBeLessThan(900);
});

test('a request is not lost on a node that stands in the records a moment before it leads', async () => {
  let leads = false;
  const { runtime, storage, forwarder, tried } = forwarding({ 'http://reader': stored }, () => leads);
  await lead(storage, 'http://a', 1);
  runtime.setTimer(500, () => void lead(storage, 'http://reader', 2));
  runtime.setTimer(800, () => {
    leads = true;
  });
  expect((await runtime.run(forwarder.forward(request))).status).toBe(201);
  expect(tried).toEqual(['http://a', 'http://reader']);
  expect(runtime.monotonic()).toBeLessThan(1000);
});

test('a node that the records still name from an earlier life does not send itself anything', async () => {
  const { runtime, storage, forwarder, tried } = forwarding({ 'http://reader': stored, 'http://b': stored });
  await lead(storage, 'http://reader', 1);
  runtime.setTimer(300, () => void lead(storage, 'http://b', 2));
  expect((await runtime.run(forwarder.forward(request))).status).toBe(201);
  expect(tried).toEqual(['http://b']);
});

test('a leader that says it does not lead any more is not asked again; its successor is', async () => {
  const { runtime, storage, forwarder, tried } = forwarding({
    'http://a': () => refused('not_leader'),
    'http://b': stored,
  });
  await lead(storage, 'http://a', 1);
  runtime.setTimer(300, () => void lead(storage, 'http://b', 2));
  expect((await runtime.run(forwarder.forward(request))).status).toBe(201);
  expect(tried).toEqual(['http://a', 'http://b']);
});

test('any other refusal of the leader is passed on as it is, body and all', async () => {
  const { runtime, storage, forwarder } = forwarding({ 'http://a': () => refused('queue_full') });
  await lead(storage, 'http://a', 1);
  const answer = await runtime.run(forwarder.forward(request));
  const body: Uint8Array[] = [];
  for await (const chunk of answer.body) body.push(chunk);
  expect([answer.status, Buffer.concat(body).toString()]).toEqual([503, '{"code":"queue_full"}']);
});

test('a request that was sent and not answered is never sent again', async () => {
  const { runtime, storage, forwarder, tried } = forwarding({
    'http://a': () => new ForwardError('outcome_unknown', 'reset'),
    'http://b': stored,
  });
  await lead(storage, 'http://a', 1);
  runtime.setTimer(300, () => void lead(storage, 'http://b', 2));
  await expect(runtime.run(forwarder.forward(request))).rejects.toMatchObject({ code: 'outcome_unknown' });
  expect(tried).toEqual(['http://a']);
});

/** A frozen process: its answer does not come. */
function frozen({ signal }: ForwardRequest): Promise<ForwardAnswer> {
  return new Promise((_, reject) => {
    const lost = (): void => reject(new ForwardError('outcome_unknown', String(signal.reason)));
    if (signal.aborted) lost();
    signal.addEventListener('abort', lost, { once: true });
  });
}

test('a request to a frozen leader is given up once there is another one, and not sent to that', async () => {
  const { runtime, storage, forwarder, tried, outcomes } = forwarding({
    'http://a': frozen,
    'http://b': stored,
  });
  await lead(storage, 'http://a', 1);
  runtime.setTimer(3000, () => void lead(storage, 'http://b', 2));
  await expect(runtime.run(forwarder.forward(request))).rejects.toMatchObject({ code: 'outcome_unknown' });
  expect(runtime.monotonic()).toBeGreaterThan(3000);
  expect(runtime.monotonic()).toBeLessThan(6000);
  expect(tried).toEqual(['http://a']);
  expect(outcomes).toEqual(['outcome_unknown']);
});

test('a slow leader is waited for as long as there is no other, and a moment longer', async () => {
  const { runtime, storage, forwarder } = forwarding({
    'http://a': async ({ signal }) => {
      await sleep(runtime, 20_000, signal);
      return stored();
    },
  });
  await lead(storage, 'http://a', 1);
  runtime.setTimer(19_500, () => void lead(storage, 'http://b', 2));
  expect((await runtime.run(forwarder.forward(request))).status).toBe(201);
  expect(runtime.monotonic()).toBe(20_000);
});

test('a body that can be sent only once is not tried a second time', async () => {
  const { runtime, storage, forwarder, tried } = forwarding({ 'http://b': stored });
  await lead(storage, 'http://a', 1);
  runtime.setTimer(300, () => void lead(storage, 'http://b', 2));
  const streamed = { ...request, body: bytes('once') };
  await expect(runtime.run(forwarder.forward(streamed))).rejects.toMatchObject({
    code: 'leader_unreachable',
  });
  expect(tried).toEqual(['http://a']);
});

test('when nobody leads in time the request fails, and many that wait share their looks at the storage', async () => {
  const { runtime, storage, forwarder } = forwarding({});
  let looks = 0;
  const get = storage.documents.get;
  storage.documents.get = (...args) => {
    looks += 1;
    return get.apply(storage.documents, args);
  };
  const waiting = Promise.allSettled(Array.from({ length: 200 }, () => forwarder.forward(request)));
  const results = await runtime.run(waiting);
  expect(results.every((result) => result.status === 'rejected' && result.reason.code === 'no_leader')).toBe(
    true,
  );
  expect(looks).toBeLessThan(60);
});

test('a waiting request ends when its client has gone', async () => {
  const { runtime, forwarder } = forwarding({});
  const gone = new AbortController();
  const waiting = forwarder.forward({ ...request, signal: gone.signal });
  void sleep(runtime, 500).then(() => gone.abort(new Error('client gone')));
  await expect(runtime.run(waiting)).rejects.toThrow('client gone');
  expect(runtime.monotonic()).toBe(500);
});
