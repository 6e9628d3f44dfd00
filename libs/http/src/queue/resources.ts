import type { QueueDocument } from '@message-vault/metadata';
import type { RoleResource, RoleResources } from '../roles.ts';
import { withCurrent } from './current.ts';
import { enqueue } from './enqueue.ts';
import { peekHead, takeAway, takeLocked, whereCounted } from './head.ts';
import { acknowledge, deadLetter, giveBack, renew } from './settle.ts';
import { redriveQueue, sendQueueStats } from './upkeep.ts';

type Resource = RoleResource<QueueDocument>;

/** What a queue answers to. Every node serves all of it, but for queues whose readers are counted. */
export const queueResources: RoleResources<QueueDocument> = {
  '': { POST: { action: 'publish', route: 'enqueue', handle: enqueue } },
  head: {
    GET: current({ action: 'read', handle: peekHead }),
    POST: current({ action: 'read', handle: whereCounted(takeLocked) }),
    DELETE: current({ action: 'read', handle: whereCounted(takeAway) }),
  },
  'locks/:id': {
    DELETE: current({ action: 'read', handle: whereCounted(acknowledge) }),
    PUT: current({ action: 'read', handle: whereCounted(giveBack) }),
    POST: current({ action: 'read', handle: whereCounted(renew) }),
  },
  'locks/:id/dead-letter': { POST: { action: 'read', handle: whereCounted(deadLetter) } },
  redrive: { POST: current({ action: 'manage', handle: redriveQueue }) },
  stats: { GET: current({ action: 'read', handle: sendQueueStats }) },
};

/** For what can be done a second time with the queue that has taken the place of one that is gone: it reads no body. */
function current({ action, handle }: Resource): Resource {
  return { action, handle: (request) => withCurrent(request, action, handle) };
}
