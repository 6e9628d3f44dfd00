import { openWriter } from '@message-vault/log';
import { defaultStreamPolicy } from '@message-vault/metadata';
import { VirtualRuntime } from '@message-vault/runtime/testing';
import { faultyStorage, memoryStorage } from '@message-vault/storage';
import { expect, test } from 'vitest';
import { writableStream } from '../src/stream-entry.ts';
import { nameAuthority } from './support/name-authority.ts';

const policy = { ...defaultStreamPolicy, segmentBytes: 8 * 1024 * 1024 };

test('a name is only written down once the first segment of its stream is there', async () => {
  const inner = memoryStorage();
  const order: string[] = [];
  const storage = faultyStorage(inner, ({ operation }) => {
    if (operation === 'pages.createSegment' || operation === 'documents.put') order.push(operation);
    return undefined;
  });
  const made = await nameAuthority(storage).authority.ensureStream('orders', policy);
  const { ref } = writableStream(made);
  expect(order).toEqual(['pages.createSegment', 'documents.put']);
  expect(await inner.pages.listSegments(ref.container)).toEqual(['0000000000000000']);
});

test('a known stream whose container is empty is refused, not begun anew', async () => {
  const runtime = new VirtualRuntime({ seed: 1 });
  const storage = memoryStorage({ runtime });
  await nameAuthority(storage, { runtime }).authority.ensureStream('orders', policy);
  const document = await nameAuthority(storage, { runtime }).catalog.lookup('orders');
  if (document === undefined) throw new Error('the stream is not known');
  const { ref } = writableStream(document);
  const { pages } = storage;
  await pages.deleteSegment({ container: ref.container, segment: '0000000000000000' });
  const leadership = { epoch: 2, isLeading: () => true, lost: () => undefined };
  const opening = openWriter({ pages, runtime, stream: ref, leadership });
  await expect(runtime.run(opening)).rejects.toMatchObject({ code: 'damaged' });
});
