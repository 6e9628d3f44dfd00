import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { createClient } from '../src/index.ts';
import { type RealNodes, startNodes } from './support/real-nodes.ts';

const ID = '0b2f1f4e-7c55-4a38-9e0a-3d1f0f5c9a11';
const POLICY = { 'content-type': 'application/vnd.message-vault.policy+json' };
const BATCH = { 'content-type': 'application/vnd.message-vault.batch+json' };

interface Frame {
  readonly type: string;
  readonly offset: number;
  readonly value: number;
}

async function startRouter(policy: object, count: Parameters<typeof startNodes>[0] = {}): Promise<RealNodes> {
  const nodes = await startNodes(count);
  onTestFinished(() => nodes[Symbol.asyncDispose]());
  const body = JSON.stringify({ role: 'router', ...policy });
  const answer = await fetch(`${nodes.urls[0]}/jobs`, { method: 'POST', headers: POLICY, body });
  expect(answer.status, await answer.text()).toBe(201);
  return nodes;
}

async function publish(url: string | undefined, from: number, until: number): Promise<void> {
  const messages = Array.from({ length: until - from }, (_, index) => ({ value: from + index }));
  const body = JSON.stringify({ messages });
  const answer = await fetch(`${url}/jobs`, { method: 'POST', headers: BATCH, body });
  expect(answer.status, await answer.text()).toBe(202);
}

/** Connects by WebSocket and acknowledges what it gets as long as it is told to. */
async function connect(url: string | undefined, query = '', acknowledging = true) {
  const ws = new WebSocket(`${url?.replace('http', 'ws')}/jobs${query}`, 'message-vault.v1');
  onTestFinished(() => ws.terminate());
  ws.on('error', () => undefined);
  const state = { ws, values: [] as number[], acked: [] as number[], offsets: [] as number[] };
  ws.on('message', (data) => {
    const frame = JSON.parse(String(data)) as Frame;
    if (frame.type === 'acked') state.acked.push(frame.offset);
    if (frame.type !== 'message') return;
    state.values.push(frame.value);
    state.offsets.push(frame.offset);
    if (acknowledging) ws.send(JSON.stringify({ type: 'ack', offset: frame.offset }));
  });
  await once(ws, 'open');
  return state;
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
}

function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

describe('listeners connected to a router that gives every message to all', () => {
  it('each get every message, in order, through whichever node and by whichever way', async () => {
    const { urls } = await startRouter({}, { readers: 1 });
    const near = await connect(urls[0]);
    const far = await connect(urls[1]);
    const events = await fetch(`${urls[1]}/jobs?limit=1`, { headers: { accept: 'text/event-stream' } });
    await publish(urls[1], 0, 500);
    await until(() => near.acked.length === 500 && far.acked.length === 500);
    expect(near.values).toEqual(numbers(0, 500));
    expect(far.values).toEqual(numbers(0, 500));
    const seen: number[] = [];
    let text = '';
    for await (const piece of events.body ?? []) {
      text += Buffer.from(piece).toString();
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const data = /^data: (.*)$/m.exec(block)?.[1];
        if (data !== undefined) seen.push((JSON.parse(data) as Frame).value);
      }
      if (seen.length === 500) break;
    }
    expect(seen).toEqual(numbers(0, 500));
  });

  it('get a bounded number of messages before they have to acknowledge', async () => {
    const { urls } = await startRouter({});
    const listener = await connect(urls[0], '', false);
    await publish(urls[0], 0, 600);
    await until(() => listener.values.length === 256);
    for (const offset of listener.offsets) listener.ws.send(JSON.stringify({ type: 'ack', offset }));
    await until(() => listener.values.length === 512);
    expect(listener.values).toEqual(numbers(0, 512));
  });

  it('begin where they say', async () => {
    const { urls } = await startRouter({});
    await publish(urls[0], 0, 10);
    const late = await connect(urls[0], '?from=seq:7');
    await until(() => late.values.length === 3);
    expect(late.values).toEqual([7, 8, 9]);
    const headers = { accept: 'text/event-stream', 'last-event-id': 'seq:9' };
    const events = await fetch(`${urls[0]}/jobs`, { headers });
    const reader = events.body?.getReader();
    let text = '';
    while (!text.includes('data:')) text += Buffer.from((await reader?.read())?.value ?? []).toString();
    expect(text).toMatch(/id: seq:10\ndata: .*"value":9\}/);
    await reader?.cancel();
  });

  it('see everything over a handover', async () => {
    const { urls } = await startRouter({}, { slaves: 1, readers: 1 });
    const client = createClient({ urls });
    onTestFinished(() => client.close());
    const stop = new AbortController();
    const seen = new Set<unknown>();
    const connected = Promise.withResolvers<void>();
    const ended = client.router('jobs').listen((message) => void seen.add(message.json()), {
      signal: stop.signal,
      onConnected: () => connected.resolve(),
    });
    await connected.promise;
    await publish(urls[2], 0, 50);
    const handover = await fetch(`${urls[2]}/-/cluster/handover`, { method: 'POST' });
    expect(handover.status).toBe(200);
    await publish(urls[2], 50, 100);
    await until(() => seen.size === 100);
    stop.abort();
    await ended;
  });

  it('are told when the router is no more', async () => {
    const { urls } = await startRouter({});
    const listener = await connect(urls[0]);
    const closed = once(listener.ws, 'close');
    expect((await fetch(`${urls[0]}/jobs/-/policy`, { method: 'DELETE' })).status).toBe(204);
    const [code] = await closed;
    expect(code).toBe(4404);
  });
});

describe('listeners connected to a router that gives each message to one', () => {
  const POLICY_ONE = { messageDistribution: 'one', pushDeliveryTimeout: 'PT2S' };

  it('share the messages, and no message goes to two', async () => {
    const { urls } = await startRouter(POLICY_ONE, { readers: 1 });
    const one = await connect(urls[0]);
    const two = await connect(urls[1]);
    await publish(urls[0], 0, 400);
    await until(() => one.acked.length + two.acked.length === 400);
    expect([...one.values, ...two.values].sort((a, b) => a - b)).toEqual(numbers(0, 400));
    expect(Math.min(one.values.length, two.values.length)).toBeGreaterThan(100);
  });

  it('get what another one left without acknowledging it', async () => {
    const { urls } = await startRouter(POLICY_ONE);
    const quiet = await connect(urls[0], '', false);
    await publish(urls[0], 0, 20);
    await until(() => quiet.values.length === 20);
    quiet.ws.terminate();
    const busy = await connect(urls[0]);
    await until(() => busy.acked.length === 20);
    expect(new Set(busy.values)).toEqual(new Set(numbers(0, 20)));
  });

  it('keep what was theirs when they come back with the same id', async () => {
    const { urls } = await startRouter({ messageDistribution: 'one' });
    const before = await connect(urls[0], `?listener=${ID}`, false);
    await publish(urls[0], 0, 20);
    await until(() => before.values.length === 20);
    const closed = once(before.ws, 'close');
    const after = await connect(urls[0], `?listener=${ID}`);
    const [code, reason] = await closed;
    expect([code, String(reason)]).toEqual([4409, expect.stringMatching(/^replaced/)]);
    await until(() => after.acked.length === 20);
    expect(new Set(after.values)).toEqual(new Set(numbers(0, 20)));
  });
});
