import { describe, expect, it } from 'vitest';
import {
  containerName,
  DocumentError,
  defaultStreamPolicy,
  encodeLeaderDocument,
  encodeNameDocument,
  type LeaderDocument,
  type NameDocument,
  parseLeaderDocument,
  parseNameDocument,
  streamPolicySchema,
} from '../src/index.ts';

const nameDocument: NameDocument = {
  version: 1,
  name: 'myapp/orders',
  role: 'stream',
  streamId: '0b5e6c0e-7f3a-4c39-9d56-0a1b2c3d4e5f',
  container: containerName(new Uint8Array(16).fill(0xab)),
  createdAt: 1_763_625_600_000,
  createdByEpoch: 3,
  policy: { ...defaultStreamPolicy, retentionAgeMs: 86_400_000 },
};

const leader: LeaderDocument = {
  version: 1,
  epoch: 7,
  nodeId: 'master-1',
  url: 'http://127.0.0.1:7001',
  since: 1_763_625_600_000,
};

const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

function code(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof DocumentError) return error.code;
    throw error;
  }
  return 'taken';
}

describe('the name document', () => {
  it('comes back from storage as it was', () => {
    expect(parseNameDocument(encodeNameDocument(nameDocument))).toEqual(nameDocument);
  });

  it('takes the policy defaults for what an older document does not say', () => {
    const parsed = parseNameDocument(bytes({ ...nameDocument, policy: {} }));
    expect(parsed.policy).toEqual(defaultStreamPolicy);
  });

  it.each([
    ['a name that is none', { ...nameDocument, name: '../a' }],
    ['an unknown role', { ...nameDocument, role: 'topic' }],
    ['the role of another document', { ...nameDocument, role: 'queue' }],
    ['a stream id that is no UUID', { ...nameDocument, streamId: 'x' }],
    ['a container that could be another one', { ...nameDocument, container: 'mv-sys' }],
    ['a field too many', { ...nameDocument, owner: 'me' }],
    ['no version', { ...nameDocument, version: undefined }],
    ['an array', []],
    ['a fraction of a page', { ...nameDocument, policy: { segmentBytes: 8 * 1024 * 1024 + 1 } }],
  ])('is refused with %s', (_what, document) => {
    expect(code(() => parseNameDocument(bytes(document)))).toBe('malformed');
  });

  it('is refused when it is not JSON or not UTF-8', () => {
    expect(code(() => parseNameDocument(new TextEncoder().encode('{')))).toBe('malformed');
    expect(code(() => parseNameDocument(Uint8Array.of(0xff, 0xfe)))).toBe('malformed');
  });

  it('says so when a newer program wrote it', () => {
    expect(code(() => parseNameDocument(bytes({ ...nameDocument, version: 2 })))).toBe('unsupported_version');
  });

  it('can not be written wrong', () => {
    expect(() => encodeNameDocument({ ...nameDocument, container: 'elsewhere' })).toThrow();
  });
});

describe('the leader document', () => {
  it('comes back from storage as it was', () => {
    expect(parseLeaderDocument(encodeLeaderDocument(leader))).toEqual(leader);
  });

  it.each([
    ['epoch zero', { ...leader, epoch: 0 }],
    ['a fractional epoch', { ...leader, epoch: 1.5 }],
    ['a url that is no web address', { ...leader, url: 'file:///etc' }],
    ['no node', { ...leader, nodeId: '' }],
  ])('is refused with %s', (_what, document) => {
    expect(code(() => parseLeaderDocument(bytes(document)))).toBe('malformed');
  });
});

describe('the stream policy', () => {
  it('has defaults and refuses unknown fields', () => {
    expect(streamPolicySchema.parse({})).toMatchObject({ segmentBytes: 2 ** 30, segmentCommits: 20_000 });
    expect(streamPolicySchema.safeParse({ retention: 1 }).success).toBe(false);
  });
});
