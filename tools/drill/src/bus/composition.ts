import type { HistoryEvent, Place } from '@message-vault/checkers';
import type { VaultClient } from '@message-vault/client';
import { now } from '../wait.ts';

/** Who gets messages from a router of distribution `one`, and how. */
export interface Subscribers {
  /** Each with the URL of its webhook. */
  readonly webhooks: readonly { readonly name: string; readonly url: string }[];
  readonly listeners: readonly string[];
}

/** Short, so that a run sees locks end and pushes given up; long enough for a busy machine to renew in time. */
const LOCK_MS = 4000;
const PUSH_TIMEOUT_MS = 2000;
/** Beyond what faults can cost a message, below what makes an hour of a message nobody wants. */
const MAX_DEQUEUE_RETRIES = 5;

type Assigned = Parameters<ReturnType<VaultClient['name']>['assign']>[0];

const QUEUE = { lockDuration: `${LOCK_MS / 1000}s`, maxDequeueRetries: MAX_DEQUEUE_RETRIES };
const ROUTER = { pushDeliveryTimeout: `${PUSH_TIMEOUT_MS / 1000}s` };

/**
 * What the messages of a bus drill flow through, as in the picture of the original:
 *
 *     jobs (router, all) ─┬─▶ audit   (queue)         ─▶ consumers
 *                         ├─▶ archive (stream)        ─▶ tails
 *                         ├─▶ work    (router, one)   ─▶ webhooks and connected listeners
 *                         └─▶ hook    (webhook)
 *     tasks (queue)                                   ─▶ the same consumers
 */
export class Composition {
  readonly #prefix: string;

  /** All names are below `prefix`. */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  readonly name = (last: string): string => `${this.#prefix}/${last}`;

  get queues(): string[] {
    return ['audit', 'tasks'].map(this.name);
  }

  get routers(): string[] {
    return ['jobs', 'work'].map(this.name);
  }

  /** Names that have dead letters. */
  get withDeadLetters(): string[] {
    return [...this.queues, ...this.routers];
  }

  /** Names that hold a stream, their own or one they are. */
  get logs(): string[] {
    return ['jobs', 'work', 'archive'].map(this.name);
  }

  /** How the history is told of it. */
  places({ webhooks, listeners }: Subscribers): HistoryEvent[] {
    const { name } = this;
    const workers = [...webhooks.map((webhook) => webhook.name), ...listeners];
    const place = (last: string, more: Omit<Place, 'kind' | 'at' | 'name'>): HistoryEvent => {
      return { kind: 'place', at: now(), name: name(last), ...more };
    };
    return [
      place('audit', { role: 'queue' }),
      place('tasks', { role: 'queue' }),
      place('archive', { role: 'stream' }),
      place('hook', { role: 'subscriber' }),
      ...workers.map((last) => place(last, { role: 'subscriber' })),
      place('work', { role: 'router', distribution: 'one', targets: workers.map(name) }),
      place('jobs', {
        role: 'router',
        distribution: 'all',
        targets: ['audit', 'archive', 'work', 'hook'].map(name),
      }),
    ];
  }

  /** Gives every name its role and connects them. Listeners connect themselves. Errors: VaultClientError. */
  async build(client: VaultClient, hookUrl: string, { webhooks }: Subscribers): Promise<void> {
    const { name } = this;
    const roles: readonly [string, Assigned][] = [
      ['audit', { role: 'queue', ...QUEUE }],
      ['tasks', { role: 'queue', ...QUEUE }],
      ['archive', { role: 'stream' }],
      ['work', { role: 'router', messageDistribution: 'one', ...ROUTER }],
      ['jobs', { role: 'router', messageDistribution: 'all', ...ROUTER }],
    ];
    await Promise.all(roles.map(([last, policy]) => client.name(name(last)).assign(policy)));
    const work = client.router(name('work'));
    const jobs = client.router(name('jobs'));
    for (const { url } of webhooks) await work.subscribe({ webhook: url });
    for (const last of ['audit', 'archive', 'work']) await jobs.subscribe({ name: name(last) });
    await jobs.subscribe({ webhook: hookUrl });
  }

  /** Takes all roles away again, so that the next run finds an idle cluster. Errors: VaultClientError. */
  async remove(client: VaultClient): Promise<void> {
    for (const last of ['jobs', 'work', 'audit', 'tasks', 'archive'])
      await client.name(this.name(last)).remove();
  }
}
