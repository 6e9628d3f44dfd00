/**
 * A consumer of queues, as a process of its own, so that it can be killed like one. Writes down what it is given and what
 * it does with it, a line of the history each, to its standard output, before anybody else can hear of it. Its clock is
 * the machine's monotonic one, in milliseconds. Ends when its standard input does.
 *
 *     node consumer-program.ts '{"name":"consumer-1","urls":["http://…"],"queues":["…"],"concurrency":4}'
 */
import { writeSync } from 'node:fs';
import { entryOfLock } from '@message-vault/bus';
import { encodeEvent, type HistoryEvent, hashOf, type Settlement } from '@message-vault/checkers';
import { createClient, isVaultClientError, type ReceivedMessage } from '@message-vault/client';
import { codeOf } from '@message-vault/runtime';
import { pause } from '../wait.ts';
import { identityOf } from '../workload/messages.ts';
import type { ConsumerPlan } from './consumer.ts';
import { fateOf, workMs } from './fates.ts';

const STDOUT = 1;
const WAIT_SECONDS = 2;
/** A message given back for now comes again after this. */
const RELEASE_MS = 50;

const plan: ConsumerPlan = JSON.parse(process.argv[2] ?? '{}');
const client = createClient({ urls: plan.urls });
const stop = new AbortController();

process.stdin.on('end', () => stop.abort()).resume();
await Promise.all(plan.queues.map(consume));
await client.close();
process.exit();

async function consume(queue: string): Promise<void> {
  await client.queue(queue).consume((message) => handle(queue, message), {
    concurrency: plan.concurrency,
    waitSeconds: WAIT_SECONDS,
    signal: stop.signal,
    retryInitialMs: RELEASE_MS,
    // All that can go wrong stands in the history.
    onProblem: () => {},
  });
}

async function handle(queue: string, message: ReceivedMessage): Promise<void> {
  const { id: lock, until } = message.lock;
  const { producer, sequence } = identityOf(message.headers);
  const given = { producer: producer ?? 'nobody', sequence };
  const copy = entryOfLock(lock) ?? lock;
  const { deliveryCount: delivery } = message;
  record({
    kind: 'locked',
    at: at(),
    queue,
    consumer: plan.name,
    lock,
    copy,
    ...given,
    hash: hashOf(message.value),
    delivery,
    until: untilHere(until),
  });
  await pause(workMs({ ...given, delivery }));
  if (message.lock.until > until)
    record({ kind: 'renewed', at: at(), lock, until: untilHere(message.lock.until) });
  await settle(message, fateOf({ ...given, delivery }));
}

/** Throws what goes wrong: then the client gives the message back, if it still can. */
async function settle({ lock }: ReceivedMessage, how: Settlement): Promise<void> {
  record({ kind: 'settling', at: at(), lock: lock.id, how });
  try {
    if (how === 'acknowledged') await lock.acknowledge();
    else if (how === 'dead-lettered') await lock.deadLetter('the drill gives it up');
    else await lock.release({ delayMs: RELEASE_MS });
    record({ kind: 'settled', at: at(), lock: lock.id, how });
  } catch (error) {
    if (isVaultClientError(error, 'lock_lost')) record({ kind: 'lock-lost', at: at(), lock: lock.id });
    throw error;
  }
}

/** What is in the pipe is there for who reads it, whatever becomes of this process. */
function record(event: HistoryEvent): void {
  let line = Buffer.from(`${encodeEvent(event)}\n`);
  while (line.length > 0) {
    try {
      line = line.subarray(writeSync(STDOUT, line));
    } catch (error) {
      // The reader is behind: a pipe holds 64 KiB.
      if (codeOf(error) !== 'EAGAIN') throw error;
    }
  }
}

function at(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** All processes of a drill are on one machine: nodes have the same time of day. */
function untilHere(until: number): number {
  return at() + until - Date.now();
}
