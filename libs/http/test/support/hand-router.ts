import { type RouterListener, type Routers, routersOf } from '@message-vault/bus';
import type { ReadMessage } from '@message-vault/log';
import { containerName, type RouterDocument, routerPolicySchema } from '@message-vault/metadata';
import { randomUuid, systemRuntime } from '@message-vault/runtime';
import { type NodeSetup, type RunningNode, startNode } from './test-node.ts';

/** A listener that has connected, as the router sees it. */
export class Connected {
  readonly listener: RouterListener;
  readonly acknowledged: number[] = [];
  rooms = 0;
  detached = false;
  #next = 0;

  constructor(listener: RouterListener) {
    this.listener = listener;
  }

  /** Offers the next message. */
  offer(value: string | Uint8Array): 'taken' | 'full' {
    const answer = this.listener.offer(message(this.#next, value));
    if (answer === 'taken') this.#next += 1;
    return answer;
  }

  /** Offers messages until one is not taken; answers how many were. */
  offerAll(value: string | Uint8Array, most = 100_000): number {
    let taken = 0;
    while (taken < most && this.offer(value) === 'taken') taken += 1;
    return taken;
  }
}

/** Stands in for the dispatcher of a router, so that a test decides what is offered when. */
export class HandRouter {
  readonly connected: Connected[] = [];
  /** Thrown at whoever connects next. */
  refusal: Error | undefined;
  readonly routers: Routers = {
    ...routersOf(() => undefined),
    attach: (_router, listener) => {
      if (this.refusal !== undefined) return Promise.reject(this.refusal);
      const connected = new Connected(listener);
      this.connected.push(connected);
      return Promise.resolve({
        acknowledge: (offset) => {
          connected.acknowledged.push(offset);
          listener.acknowledged(offset);
        },
        room: () => {
          connected.rooms += 1;
        },
        detach: () => {
          connected.detached = true;
        },
      });
    },
  };

  get only(): Connected {
    const [first, ...more] = this.connected;
    if (first === undefined || more.length > 0) throw new Error(`${this.connected.length} are connected`);
    return first;
  }
}

function message(index: number, value: string | Uint8Array): ReadMessage {
  return {
    offset: index * 65_536,
    sequenceNumber: index,
    timestamp: 1_763_625_600_000,
    id: `id-${index}`,
    key: undefined,
    value: typeof value === 'string' ? Buffer.from(value) : value,
    kind: typeof value === 'string' ? 'text' : 'bytes',
    headers: [],
  };
}

/** A node whose router `jobs` is served by hand. */
export async function startHandRouter(
  setup: NodeSetup = {},
  distribution: 'all' | 'one' = 'all',
): Promise<{ leader: RunningNode; hand: HandRouter; url: string }> {
  const hand = new HandRouter();
  const leader = await startNode({ ...setup, routers: hand.routers });
  leader.node.others.set('jobs', routerDocument(distribution));
  return { leader, hand, url: leader.url };
}

function routerDocument(distribution: 'all' | 'one'): RouterDocument {
  const container = (): string => containerName(systemRuntime.randomBytes(16));
  return {
    version: 1,
    name: 'jobs',
    role: 'router',
    routerId: randomUuid(systemRuntime),
    streamId: randomUuid(systemRuntime),
    container: container(),
    deadLetterId: randomUuid(systemRuntime),
    deadLetterQueue: container(),
    bodiesContainer: container(),
    createdAt: 0,
    createdByEpoch: 1,
    policy: routerPolicySchema.parse({ distribution }),
  };
}
