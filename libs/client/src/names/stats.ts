import { number, optionalNumber, parseMembers } from '../answers.ts';
import { ask } from '../ask.ts';
import type { Door } from '../door.ts';
import { type CallOptions, type StreamStats, toStreamStats } from '../questions.ts';

export interface QueueStats {
  readonly queue: string;
  /** Messages waiting, those that are locked included. Storage counts them approximately. */
  readonly depth: number;
  /** Given out and not yet settled, as far as the node knows. */
  readonly locked: number | undefined;
  readonly deadLettered: number | undefined;
  /** Of the oldest message that waits. */
  readonly oldestAgeSeconds: number | undefined;
}

export interface RouterStats {
  readonly router: string;
  readonly distribution: 'all' | 'one';
  readonly subscriptions: number;
  /** Connected at the moment. */
  readonly listeners: number | undefined;
  /** Offset the next message gets in the router's own stream. */
  readonly nextOffset: number | undefined;
  readonly deadLettered: number | undefined;
  /** Messages the slowest subscription, or connected listener, has yet to get. */
  readonly maxLag: number | undefined;
}

/** What a name holds, by its role. */
export type NameStats =
  | ({ readonly role: 'stream' } & StreamStats)
  | ({ readonly role: 'queue' } & QueueStats)
  | ({ readonly role: 'router' } & RouterStats);

const MAX_ANSWER_BYTES = 1024 * 1024;

export function askNameStats(door: Door, name: string, options: CallOptions): Promise<NameStats> {
  const question = {
    ...door.asking(options),
    operation: `stats ${name}`,
    path: `/${name}/-/stats`,
    accept: 'application/json',
    maxResponseBytes: MAX_ANSWER_BYTES,
    stallTimeoutMs: door.context.attemptTimeoutMs,
  };
  return ask(door.context, question, (response) => statsOf(name, parseMembers(response)));
}

function statsOf(name: string, members: Readonly<Record<string, unknown>>): NameStats {
  if ('queue' in members) {
    return {
      role: 'queue',
      queue: name,
      depth: number(members, 'depth'),
      locked: optionalNumber(members, 'locked'),
      deadLettered: optionalNumber(members, 'deadLettered'),
      oldestAgeSeconds: optionalNumber(members, 'oldestAgeSeconds'),
    };
  }
  if (!('router' in members)) return { role: 'stream', ...toStreamStats(name, members) };
  return {
    role: 'router',
    router: name,
    distribution: members.distribution === 'one' ? 'one' : 'all',
    subscriptions: number(members, 'subscriptions'),
    listeners: optionalNumber(members, 'listeners'),
    nextOffset: optionalNumber(members, 'nextOffset'),
    deadLettered: optionalNumber(members, 'deadLettered'),
    maxLag: optionalNumber(members, 'maxLag'),
  };
}
