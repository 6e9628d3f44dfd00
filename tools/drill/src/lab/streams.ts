import { containerName, encodeNameDocument, namePath, streamPolicySchema } from '@message-vault/metadata';
import { randomUuid, systemRuntime } from '@message-vault/runtime';
import type { Storage } from '@message-vault/storage';

/** Makes a stream whose segments are full after `segmentCommits`, as no publish can. */
export async function createStream(
  storage: Storage,
  name: string,
  policy: { segmentCommits: number },
): Promise<void> {
  const container = containerName(systemRuntime.randomBytes(16));
  await storage.pages.createContainer(container);
  const document = encodeNameDocument({
    version: 1,
    name,
    role: 'stream',
    streamId: randomUuid(systemRuntime),
    container,
    createdAt: Date.now(),
    createdByEpoch: 0,
    policy: streamPolicySchema.parse(policy),
  });
  await storage.documents.put(namePath(name), document, { ifAbsent: true });
}
