import { type HistoryEvent, hashOf, type Locked, type Settlement } from '../src/index.ts';

export const SINKS = ['work/sink-1', 'work/sink-2', 'work/sink-3'] as const;
/** Every message to `jobs` is due at the queue, the stream, the webhook, and one of the sinks. */
const JOBS = 12;
const TASKS = 6;
/** Long after everything else. */
const LATE = 10_000;
const LOCK_MS = 500;

/** The history of a composition that did everything right: what flows into `jobs`, and a queue `tasks` beside it. */
export function goodBusHistory(): HistoryEvent[] {
  const events: HistoryEvent[] = [
    { kind: 'place', at: 0, name: 'audit', role: 'queue' },
    { kind: 'place', at: 0, name: 'archive', role: 'stream' },
    ...[...SINKS, 'jobs/hook'].map(
      (name): HistoryEvent => ({ kind: 'place', at: 0, name, role: 'subscriber' }),
    ),
    { kind: 'place', at: 0, name: 'work', role: 'router', distribution: 'one', targets: [...SINKS] },
    {
      kind: 'place',
      at: 0,
      name: 'jobs',
      role: 'router',
      distribution: 'all',
      targets: ['audit', 'archive', 'work', 'jobs/hook'],
    },
    { kind: 'place', at: 0, name: 'tasks', role: 'queue' },
  ];
  for (let sequence = 0; sequence < JOBS; sequence++) events.push(...job(sequence));
  for (let sequence = 0; sequence < TASKS; sequence++) events.push(...task(sequence));
  events.push({ kind: 'at-rest', at: LATE });
  for (const stream of ['jobs', 'work', 'archive']) events.push(...finalRead(stream));
  return events;
}

function job(sequence: number): HistoryEvent[] {
  const at = sequence * 100;
  const message = { producer: 'p', sequence };
  const hash = hashOf(`p ${sequence}`);
  const sink = SINKS[sequence % SINKS.length] ?? SINKS[0];
  const events: HistoryEvent[] = [
    { kind: 'start', at, stream: 'jobs', ...message, hash },
    sequence === 5
      ? { kind: 'unknown', at: at + 5, stream: 'jobs', ...message, code: 'outcome_unknown' }
      : { kind: 'accepted', at: at + 5, stream: 'jobs', ...message, sequenceNumber: sequence },
    ...consumed('audit', { ...message, hash, at: at + 10 }),
    ...taken('jobs/hook', { ...message, hash, at: at + 10 }),
  ];
  // One of the sinks was down for this one, and nobody else could be tried any more.
  if (sequence === 7) events.push(letter('work', { ...message, hash, at: at + 30 }));
  else events.push(...taken(sink, { ...message, hash, at: at + 20 }));
  return events;
}

/** Number 1 is dead-lettered by its consumer, number 2 given back once, number 3 held by a consumer that dies. */
function task(sequence: number): HistoryEvent[] {
  const at = sequence * 100 + 1;
  const given = { producer: 't', sequence, hash: hashOf(`t ${sequence}`) };
  const events: HistoryEvent[] = [
    { kind: 'start', at, stream: 'tasks', ...given },
    { kind: 'accepted', at: at + 5, stream: 'tasks', producer: 't', sequence },
  ];
  if (sequence === 1) {
    events.push(...consumed('tasks', { ...given, at: at + 10 }, 'dead-lettered'));
    return [...events, letter('tasks', { ...given, at: at + 50 })];
  }
  if (sequence === 2) events.push(...consumed('tasks', { ...given, at: at + 10 }, 'given-back'));
  if (sequence === 3) events.push(lockedBy('c1', 'tasks', { ...given, at: at + 10 }));
  const again = sequence === 2 || sequence === 3;
  return [
    ...events,
    ...consumed('tasks', { ...given, at: at + (again ? 600 : 10), delivery: again ? 2 : 1 }),
  ];
}

interface Given {
  producer: string;
  sequence: number;
  hash: number;
  at: number;
  delivery?: number;
}

export function lockedBy(consumer: string, queue: string, { delivery = 1, ...given }: Given): Locked {
  return {
    kind: 'locked',
    queue,
    consumer,
    ...given,
    lock: `${queue} ${given.producer} ${given.sequence} ${delivery}`,
    copy: `${given.producer} ${given.sequence}`,
    delivery,
    until: given.at + LOCK_MS,
  };
}

function consumed(queue: string, given: Given, how: Settlement = 'acknowledged'): HistoryEvent[] {
  const locked = lockedBy('c2', queue, given);
  const { lock, at } = locked;
  return [locked, { kind: 'settling', at: at + 10, lock, how }, { kind: 'settled', at: at + 15, lock, how }];
}

export function taken(subscriber: string, given: Given): HistoryEvent[] {
  const { producer, sequence, at } = given;
  return [
    { kind: 'pushed', subscriber, ...given },
    { kind: 'taken', subscriber, producer, sequence, at: at + 3 },
  ];
}

function letter(of: string, given: Given): HistoryEvent {
  return { kind: 'dead-letter', of, ...given, reason: 'nobody would have it', source: of };
}

function finalRead(stream: string): HistoryEvent[] {
  const final: HistoryEvent = {
    kind: 'final',
    at: LATE,
    stream,
    consumer: 'final',
    earliestSequenceNumber: 0,
    nextSequenceNumber: JOBS,
  };
  const reads = Array.from({ length: JOBS }, (_, sequence): HistoryEvent => {
    return {
      kind: 'read',
      at: LATE,
      stream,
      consumer: 'final',
      producer: 'p',
      sequence,
      hash: hashOf(`p ${sequence}`),
      offset: sequence * 65_536,
      sequenceNumber: sequence,
      timestamp: 1000 + sequence,
    };
  });
  return [final, ...reads];
}
