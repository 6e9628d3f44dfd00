import { LogError } from '@message-vault/log';
import { describe, expect, it } from 'vitest';
import { ForwardError } from '../src/ports.ts';
import { problemOf } from '../src/problems.ts';
import {
  BATCH_JSON,
  json,
  type Published,
  parseRaw,
  problem,
  publishValues,
  read,
  sendRaw,
  until,
} from './support/requests.ts';
import { type RunningNode, startNode } from './support/test-node.ts';

async function startCluster(): Promise<{ leader: RunningNode; follower: RunningNode }> {
  const leader = await startNode();
  return { leader, follower: await startNode({ leader }) };
}

describe('a node that does not lead', () => {
  it('passes a publish on and gives back the answer of the leader, in its own name', async () => {
    const { leader, follower } = await startCluster();
    const headers = { ...BATCH_JSON, 'x-request-id': 'r-1', 'expected-sequence-number': '0' };
    const response = await fetch(`${follower.url}/orders?key=k`, {
      method: 'POST',
      headers,
      body: '{"messages":[{"value":1}]}',
    });
    expect(response.status).toBe(201);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'application/json',
      'vault-node': follower.node.status.nodeId,
      'vault-role': 'reading',
      'vault-leader': leader.url,
      'x-request-id': 'r-1',
    });
    expect(await json<Published>(response)).toMatchObject({ stream: 'orders', firstSequenceNumber: 0 });
    expect((await read(follower.url, '/orders')).messages).toMatchObject([{ key: 'k', value: 1 }]);
  });

  it('passes a body of unknown length on as it comes in', async () => {
    const { leader, follower } = await startCluster();
    const text = 'x'.repeat(1_000_000);
    const chunk = `${text.length.toString(16)}\r\n${text}\r\n`;
    const head = 'POST /orders HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: text/plain\r\n';
    const answer = await sendRaw(
      follower.port,
      `${head}Transfer-Encoding: chunked\r\n\r\n`,
      chunk,
      chunk,
      '0\r\n\r\n',
    );
    expect(parseRaw(answer).status).toBe(201);
    const [message] = (await read(leader.url, '/orders')).messages;
    expect(message?.valueText).toBe(text + text);
    expect(follower.app.heldBodyBytes).toBe(0);
  });

  it('passes on what the leader refuses, with the problem as it is', async () => {
    const { follower } = await startCluster();
    const response = await fetch(`${follower.url}/orders`, {
      method: 'POST',
      headers: BATCH_JSON,
      body: '{',
    });
    await problem(response, 400, 'bad_body');
  });

  it('passes on a handover', async () => {
    const { follower } = await startCluster();
    await problem(await fetch(`${follower.url}/-/cluster/handover`, { method: 'POST' }), 409, 'not_possible');
  });

  it('keeps to the limits for bodies itself', async () => {
    const leader = await startNode();
    const follower = await startNode({ leader, http: { maxBodyBytes: 500_000, bodyTimeoutMs: 50 } });
    const head = 'POST /orders HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n';
    const large = await fetch(`${follower.url}/orders`, { method: 'POST', body: 'x'.repeat(600_000) });
    await problem(large, 413, 'too_large');
    const stalled = await sendRaw(
      follower.port,
      `${head}Content-Length: 400000\r\n\r\n`,
      'x'.repeat(300_000),
    );
    expect(parseRaw(stalled)).toMatchObject({ status: 408, body: { code: 'request_timeout' } });
    const endless = await sendRaw(
      follower.port,
      `${head}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n`,
      `${(600_000).toString(16)}\r\n${'x'.repeat(600_000)}\r\n0\r\n\r\n`,
    );
    expect(parseRaw(endless)).toMatchObject({ status: 413, body: { code: 'too_large' } });
    await until(() => leader.app.heldBodyBytes === 0);
    expect(leader.node.names.size).toBe(0);
  });

  it('says that nobody leads when nobody does', async () => {
    const { follower } = await startCluster();
    follower.node.status.leader = undefined;
    const response = await fetch(`${follower.url}/orders`, { method: 'POST', body: 'x' });
    expect(response.headers.get('retry-after')).toBe('1');
    await problem(response, 503, 'no_leader');
  });

  it('says so when the leader can not be reached, and who that is', async () => {
    const { leader, follower } = await startCluster();
    await leader.app.close(0);
    const response = await fetch(`${follower.url}/orders`, { method: 'POST', body: 'x' });
    expect(await problem(response, 503, 'leader_unreachable')).toMatchObject({
      leader: leader.url,
      retryAfter: 1,
    });
  });

  it('passes nothing on in circles', async () => {
    const { leader, follower } = await startCluster();
    leader.node.status.takesWrites = false;
    leader.node.status.leader = {
      nodeId: follower.node.status.nodeId,
      url: follower.url,
      epoch: 8,
      since: 0,
    };
    const response = await fetch(`${follower.url}/orders`, { method: 'POST', body: 'x' });
    const { detail } = await problem(response, 503, 'no_leader');
    expect(detail).toMatch(/came through/);
    expect(leader.node.names.size).toBe(0);
  });

  it('answers reads by itself', async () => {
    const { leader, follower } = await startCluster();
    await publishValues(leader.url, 'orders', [1, 2]);
    await leader.app.close(0);
    expect((await read(follower.url, '/orders')).messages).toHaveLength(2);
  });
});

describe('a node that ceases to lead in the middle of a publish', () => {
  it('passes the publish on to the new leader, so that the client notices nothing', async () => {
    const { leader, follower } = await startCluster();
    const old = follower;
    old.node.status.takesWrites = true;
    old.node.beforePublish = () => {
      old.node.status.takesWrites = false;
      throw new LogError('not_leader', 'the lease was lost');
    };
    expect(await publishValues(old.url, 'orders', [1])).toMatchObject({ firstSequenceNumber: 0 });
    expect(await leader.node.stored('orders')).toBe(1);
  });

  it('says that it does not know when it does not know, and how to find out', async () => {
    const { url, node } = await startNode();
    node.beforePublish = () => {
      throw new LogError('outcome_unknown', 'no answer came');
    };
    const response = await fetch(`${url}/orders`, { method: 'POST', body: 'x' });
    expect(response.headers.get('retry-after')).toBe('1');
    const { detail } = await problem(response, 503, 'outcome_unknown');
    expect(detail).toMatch(/same Producer-Id/);
  });

  it('speaks of no batch where nobody sent one', () => {
    const unknown = problemOf(new ForwardError('outcome_unknown', 'http://10.0.0.7 was silent'));
    expect(unknown).toMatchObject({ code: 'outcome_unknown', recovery: { retryAfter: 1 } });
    expect(unknown?.message).toMatch(/one that was given out comes back/);
    expect(unknown?.message).not.toMatch(/batch|10\.0\.0\.7/);
  });

  it('says how long to wait when the queue of a stream is full', async () => {
    const { url, node } = await startNode();
    node.beforePublish = () => {
      throw new LogError('queue_full', 'the queue is full', { retryAfterMs: 250 });
    };
    const response = await fetch(`${url}/orders`, { method: 'POST', body: 'x' });
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await problem(response, 429, 'queue_full')).toMatchObject({ retryAfter: 0.25 });
  });
});
