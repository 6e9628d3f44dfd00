import { createLogger, type Logger } from '@message-vault/telemetry';
import { describe, expect, it } from 'vitest';
import { connectListener, makeConnectionPoint } from './support/relay-listener.ts';
import { BATCH_JSON, JSON_TYPE, problem, read } from './support/requests.ts';
import { startNode } from './support/test-node.ts';

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';
const TRACEPARENT = `00-${TRACE_ID}-00f067aa0ba902b7-01`;

function capture(): { logger: Logger; lines: () => Record<string, unknown>[] } {
  const written: string[] = [];
  const destination = { write: (line: string) => void written.push(line) };
  const logger = createLogger({ level: 'debug', nodeId: 'n', destination });
  return { logger, lines: () => written.map((line) => JSON.parse(line)) };
}

/** A publish that is refused for its body. */
function refused(url: string, traceparent?: string): Promise<Response> {
  const headers = { ...JSON_TYPE, 'x-request-id': 'r-1', ...(traceparent ? { traceparent } : {}) };
  return fetch(`${url}/orders`, { method: 'POST', headers, body: '{"a":' });
}

describe('a traceparent', () => {
  it('stands as the id of its trace in what is logged of the request', async () => {
    const { logger, lines } = capture();
    const { url, node } = await startNode({ options: { logger } });
    await problem(await refused(url, TRACEPARENT), 400, 'bad_body');
    node.beforePublish = () => {
      throw new TypeError('a bug');
    };
    const failed = await fetch(`${url}/orders`, { method: 'POST', headers: { traceparent: TRACEPARENT } });
    expect(failed.status).toBe(500);
    expect(lines()).toMatchObject([
      { msg: 'a request was refused', requestId: 'r-1', traceId: TRACE_ID },
      { msg: 'a request failed', traceId: TRACE_ID },
    ]);
  });

  it('that is none is passed over, as is one that is not there', async () => {
    const { logger, lines } = capture();
    const { url } = await startNode({ options: { logger } });
    expect((await refused(url, 'nonsense')).status).toBe(400);
    expect((await refused(url)).status).toBe(400);
    expect(lines()).toHaveLength(2);
    for (const line of lines()) expect(line).not.toHaveProperty('traceId');
  });

  it('goes along to the leader, and is in its log too', async () => {
    const { logger, lines } = capture();
    const leader = await startNode({ options: { logger } });
    const follower = await startNode({ leader });
    expect((await refused(follower.url, TRACEPARENT)).status).toBe(400);
    expect(lines()).toMatchObject([{ requestId: 'r-1', traceId: TRACE_ID }]);
  });

  it('goes along to a relayed service, with its tracestate', async () => {
    const running = await startNode();
    const { url } = running;
    makeConnectionPoint(running, 'api');
    const listener = (await connectListener(url)).answersAll('hello');
    const headers = { traceparent: TRACEPARENT, tracestate: 'vendor=1' };
    expect((await fetch(`${url}/api/-/relay/x`, { headers })).status).toBe(200);
    expect((await listener.request()).headers).toEqual(expect.arrayContaining(Object.entries(headers)));
  });

  it('of a message is kept with it, and that of a request is no part of the message', async () => {
    const { url } = await startNode();
    const body = JSON.stringify({ messages: [{ value: 1, headers: { traceparent: TRACEPARENT } }] });
    const other = TRACEPARENT.replace('4bf9', 'aaaa');
    const headers = { ...BATCH_JSON, traceparent: other };
    expect((await fetch(`${url}/orders`, { method: 'POST', headers, body })).status).toBe(201);
    expect((await read(url, '/orders')).messages).toMatchObject([{ headers: { traceparent: TRACEPARENT } }]);
    await fetch(`${url}/alone`, { method: 'POST', headers: { ...JSON_TYPE, traceparent: other }, body: '1' });
    const [alone] = (await read(url, '/alone')).messages;
    expect(alone?.headers).toEqual({ 'content-type': 'application/json' });
  });
});
