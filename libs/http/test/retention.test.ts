import { applyRetention } from '@message-vault/log';
import { describe, expect, it } from 'vitest';
import { problem, publishValues, read } from './support/requests.ts';
import { startNode } from './support/test-node.ts';

describe('messages that retention has removed', () => {
  it('are gone for a read by offset, which is told what is left; a read of the earliest begins there', async () => {
    const { url, node } = await startNode();
    node.writerSettings = { segmentCommits: 4, checkpointEvery: 8 };
    for (let index = 0; index < 20; index += 1) await publishValues(url, 'orders', [index]);
    const stream = node.names.get('orders');
    if (stream === undefined) throw new Error('the stream is not there');
    const { pages } = node.storage;
    await applyRetention({ pages, stream, policy: { retentionBytes: 1 }, nowMs: Date.now() });
    node.forgetReaders();
    const { messages, nextOffset } = await read(url, '/orders');
    expect(messages[0]?.sequenceNumber).toBeGreaterThan(0);
    expect(messages.at(-1)?.value).toBe(19);
    const earliestOffset = messages[0]?.offset;
    const gone = await fetch(`${url}/orders?from=0`);
    expect(await problem(gone, 416, 'offset_out_of_range')).toMatchObject({ earliestOffset, nextOffset });
    const events = await fetch(`${url}/orders?from=seq:1`, { headers: { accept: 'text/event-stream' } });
    await problem(events, 416, 'offset_out_of_range');
  });
});
