import type { Message } from '@message-vault/framing';
import { defaultLimits, type Limits, type QueueDocument } from '@message-vault/metadata';
import type { Runtime } from '@message-vault/runtime';
import { VirtualRuntime } from '@message-vault/runtime/testing';
import {
  type Fault,
  faultyStorage,
  memoryStorage,
  type Storage,
  type StorageCall,
} from '@message-vault/storage';
import { inProcessWakeup } from '@message-vault/wakeup';
import { Queues } from '../../../src/index.ts';
import { newQueue } from '../../support/new-queue.ts';

const silent = { info: () => undefined, warn: () => undefined };

/** Queues in virtual time on memory storage, with nodes that share it and nothing else. */
export class QueueBench {
  readonly runtime = new VirtualRuntime();
  readonly storage: Storage;
  /** Every call made by any node, in order. */
  readonly calls: StorageCall[] = [];
  /** What is to go wrong with a call. */
  fault: (call: StorageCall) => Fault | undefined = () => undefined;
  readonly limits: Limits['queue'];
  /** What else the parts of a node stand on. */
  readonly surroundings = { wakeup: inProcessWakeup({ logger: silent }), logger: silent };

  constructor(limits: Partial<Limits['queue']> = {}) {
    this.storage = memoryStorage({ runtime: this.runtime });
    this.limits = { ...defaultLimits.queue, ...limits };
  }

  /** One more node of the cluster, with wake-ups of its own: it hears nothing from others. Its wall clock may be wrong, and go back. */
  node({ aheadMs = 0 }: { aheadMs?: number | (() => number) } = {}): Queues {
    const runtime = this.#withClock(typeof aheadMs === 'number' ? () => aheadMs : aheadMs);
    const plan = (call: StorageCall): Fault | undefined => {
      this.calls.push(call);
      return this.fault(call);
    };
    const { queues, bodies, documents } = faultyStorage(this.storage, plan, { runtime: this.runtime });
    return new Queues({
      queues,
      bodies,
      documents,
      runtime,
      wakeup: inProcessWakeup({ logger: silent }),
      logger: silent,
      limits: this.limits,
    });
  }

  #withClock(aheadMs: () => number): Runtime {
    const { runtime } = this;
    return {
      now: () => runtime.now() + aheadMs(),
      monotonic: () => runtime.monotonic(),
      setTimer: (delayMs, fire) => runtime.setTimer(delayMs, fire),
      random: () => runtime.random(),
      randomBytes: (count) => runtime.randomBytes(count),
    };
  }

  queue(policy: Partial<QueueDocument['policy']> = {}): Promise<QueueDocument> {
    const { runtime, storage } = this;
    return newQueue({ runtime, storage, name: 'myapp/work', policy });
  }

  /** How many calls of an operation were made about something. */
  count(operation: string, target?: string): number {
    return this.calls.filter(
      (call) => call.operation === operation && (target === undefined || call.target === target),
    ).length;
  }
}

export function text(value: string, more: Partial<Message> = {}): Message {
  return { value: Buffer.from(value), kind: 'text', headers: [], ...more };
}

export function sized(bytes: number): Message {
  return { value: Buffer.alloc(bytes, 7), kind: 'bytes', headers: [] };
}

export function textOf({ message }: { message: Message }): string {
  return Buffer.from(message.value).toString();
}

export const nobody = { timeoutMs: 0, signal: undefined };
