import type { QueueDocument, RouterDocument, StreamDocument } from './name-document.ts';
import { MAX_DEQUEUE_RETRIES, queuePolicySchema } from './policies/queue.ts';
import { MAX_MESSAGE_BYTES, streamPolicySchema } from './policies/stream.ts';

const SUFFIX = '/dead-letter';

/** The name under which the dead letters of the queue or router `name` are found. */
export function deadLetterName(name: string): string {
  return name + SUFFIX;
}

/** The name whose dead letters would be found at `name`; undefined when `name` doesn't end like that. */
export function deadLetterOwner(name: string): string | undefined {
  return name.endsWith(SUFFIX) ? name.slice(0, -SUFFIX.length) : undefined;
}

/** The stream a router takes everything in by, for those who write and read streams. */
export function intakeOf(router: RouterDocument): StreamDocument {
  const { name, streamId, container, createdAt, createdByEpoch } = router;
  const { authorization, discoverability, transportProtection, maxMessageSize, bufferTimeoutMs } =
    router.policy;
  const policy = streamPolicySchema.parse({
    authorization,
    discoverability,
    transportProtection,
    maxMessageSize,
    retentionAgeMs: bufferTimeoutMs,
  });
  return { version: 1, role: 'stream', name, streamId, container, createdAt, createdByEpoch, policy };
}

/**
 * The queue found at `{name}/dead-letter`. It has no document of its own: it comes and goes with its owner. What is in
 * it is never given up or thrown away by itself, whatever the owner's policy says of the owner's messages.
 */
export function deadLetterOf(owner: QueueDocument | RouterDocument): QueueDocument {
  const { name, createdAt, createdByEpoch, deadLetterId, deadLetterQueue } = owner;
  return {
    version: 1,
    role: 'queue',
    name: deadLetterName(name),
    createdAt,
    createdByEpoch,
    queueId: deadLetterId,
    queue: deadLetterQueue,
    deadLetterId,
    deadLetterQueue,
    container: owner.role === 'router' ? owner.bodiesContainer : owner.container,
    policy: deadLetterPolicy(owner),
    deadLetterOf: name,
  };
}

function deadLetterPolicy({ role, policy }: QueueDocument | RouterDocument): QueueDocument['policy'] {
  const { authorization, discoverability, transportProtection } = policy;
  return queuePolicySchema.parse({
    authorization,
    discoverability,
    transportProtection,
    maxMessageSize: MAX_MESSAGE_BYTES,
    maxDequeueRetries: MAX_DEQUEUE_RETRIES,
    lockDurationMs: role === 'queue' ? policy.lockDurationMs : undefined,
  });
}
