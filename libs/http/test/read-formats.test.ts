import { decodeCommit, decodeOffset } from '@message-vault/framing';
import { describe, expect, it } from 'vitest';
import { problem, publishValues, read } from './support/requests.ts';
import { startWithMessages } from './support/some-messages.ts';
import { startNode } from './support/test-node.ts';

const COMMITS = 'application/vnd.message-vault.commits';

describe('formats', () => {
  it('has a line per message in NDJSON, the same as in JSON', async () => {
    const { url } = await startWithMessages();
    const response = await fetch(`${url}/orders`, { headers: { accept: 'application/x-ndjson' } });
    expect(response.headers.get('content-type')).toBe('application/x-ndjson');
    const lines = (await response.text()).trimEnd().split('\n');
    const { messages, nextOffset } = await read(url, '/orders');
    expect(lines.map((line) => JSON.parse(line))).toEqual(messages);
    expect(response.headers.get('next-offset')).toBe(String(nextOffset));
  });

  it('gives commits as they are stored, whole, the first one holding the message asked for', async () => {
    const { url, commits, node } = await startWithMessages();
    const response = await fetch(`${url}/orders?from=4&limit=1`, { headers: { accept: COMMITS } });
    expect(response.status).toBe(416);
    const from = (commits[1]?.firstOffset ?? 0) + 1;
    const answer = await fetch(`${url}/orders?from=${from}&limit=2`, { headers: { accept: COMMITS } });
    expect(answer.headers.get('content-type')).toBe(COMMITS);
    const bytes = new Uint8Array(await answer.arrayBuffer());
    expect(answer.headers.get('content-length')).toBe(String(bytes.length));
    const first = decodeCommit(bytes);
    expect(first.header).toMatchObject({
      messageCount: 2,
      firstSequenceNumber: 3,
      streamId: node.names.get('orders')?.streamId,
    });
    expect(decodeOffset(from)).toEqual({ page: first.header.page, index: 1 });
    const second = decodeCommit(bytes, first.header.byteLength);
    expect(bytes.length).toBe(first.header.byteLength + second.header.byteLength);
    expect(answer.headers.get('next-offset')).toBe(String(commits[2]?.nextOffset));
  });

  it('gives JSON to whoever takes anything and refuses what there is not', async () => {
    const { url } = await startWithMessages();
    const type = async (accept: string) =>
      (await fetch(`${url}/orders`, { headers: { accept } })).headers.get('content-type');
    expect(await type('*/*')).toBe('application/json');
    expect(await type('text/html,application/xhtml+xml,*/*;q=0.8')).toBe('application/json');
    expect(await type('application/json;q=0.5, application/x-ndjson')).toBe('application/x-ndjson');
    const refused = await fetch(`${url}/orders`, { headers: { accept: 'application/avro' } });
    const { allowed } = await problem(refused, 406, 'not_acceptable');
    expect(allowed).toContain('text/event-stream');
  });
});

describe('caching', () => {
  it('lets caches keep a full range of the past for ever, and answers 304 to who has it', async () => {
    const { url } = await startWithMessages();
    const response = await fetch(`${url}/orders?from=0&limit=4`);
    expect(response.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    const etag = response.headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[^"]+"$/);
    expect(response.headers.get('vary')).toBe('Accept');
    const again = await fetch(`${url}/orders?from=0&limit=4`, {
      headers: { 'if-none-match': `"other", W/${etag}` },
    });
    expect(again.status).toBe(304);
    expect(again.headers.get('etag')).toBe(etag);
    expect(again.headers.get('next-offset')).toBe(response.headers.get('next-offset'));
    expect(await again.text()).toBe('');
    const other = await fetch(`${url}/orders?from=0&limit=4`, {
      headers: { 'if-none-match': etag, accept: 'application/x-ndjson' },
    });
    expect(other.status).toBe(200);
    expect(other.headers.get('etag')).not.toBe(etag);
  });

  it.each([
    '?from=earliest&limit=4',
    '?from=last:5&limit=2',
    '?from=time:0&limit=2',
    '?from=0',
    '?from=latest',
    '?from=seq:5&limit=4',
  ])('keeps nothing of %s, which may look different the next moment', async (query) => {
    const { url } = await startWithMessages();
    const response = await fetch(`${url}/orders${query}`);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('etag')).toBeNull();
  });

  it('is private where not everybody may read', async () => {
    const { url } = await startNode({ options: { authorize: () => undefined } });
    await publishValues(url, 'orders', [1, 2, 3]);
    const response = await fetch(`${url}/orders?from=0&limit=2`);
    expect(response.headers.get('cache-control')).toMatch(/^private/);
  });
});
