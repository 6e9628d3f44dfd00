import { type HistoryEvent, hashOf } from '../src/index.ts';

export type Mutation = (events: HistoryEvent[]) => HistoryEvent[];
export type Kind = HistoryEvent['kind'];

export interface What {
  kind?: Kind;
  producer?: string;
  sequence?: number;
  where?: string;
}

const placeOf = (event: HistoryEvent): string | undefined => {
  if ('queue' in event) return event.queue;
  if ('subscriber' in event) return event.subscriber;
  if ('of' in event) return event.of;
  if ('lock' in event) return event.lock.split(' ')[0];
  return 'stream' in event ? event.stream : undefined;
};

export const sequenceOf = (event: HistoryEvent): number | undefined => {
  if ('sequence' in event) return event.sequence;
  return 'lock' in event ? Number(event.lock.split(' ')[2]) : undefined;
};

const is =
  ({ kind, producer, sequence, where }: What) =>
  (event: HistoryEvent): boolean =>
    (kind === undefined || event.kind === kind) &&
    (producer === undefined || ('producer' in event && event.producer === producer)) &&
    (sequence === undefined || sequenceOf(event) === sequence) &&
    (where === undefined || placeOf(event) === where);

export const without =
  (what: What): Mutation =>
  (events) =>
    events.filter((event) => !is(what)(event));

/** Throws when there is nothing to change: a mutation that does nothing proves nothing. */
export const change =
  (what: What, make: (event: HistoryEvent) => HistoryEvent): Mutation =>
  (events) => {
    if (!events.some(is(what))) throw new Error('nothing to change');
    return events.map((event) => (is(what)(event) ? make(event) : event));
  };

export const plus =
  (...more: HistoryEvent[]): Mutation =>
  (events) => [...events.slice(0, -40), ...more, ...events.slice(-40)];

export const both =
  (...mutations: readonly Mutation[]): Mutation =>
  (events) =>
    mutations.reduce((changed, mutate) => mutate(changed), events);

/** Leaves out what is said of locks that are not there any more. */
export function withoutOrphans(events: HistoryEvent[]): HistoryEvent[] {
  const locks = new Set(events.flatMap((event) => (event.kind === 'locked' ? [event.lock] : [])));
  return events.filter((event) => !('lock' in event) || locks.has(event.lock));
}

/** Two messages of `p` change places in a stream. */
export const swapStanding =
  (stream: string, one: number, other: number): Mutation =>
  (events) => {
    const moved = (event: HistoryEvent): HistoryEvent => {
      if (event.kind !== 'read' || event.stream !== stream) return event;
      const to = event.sequence === one ? other : event.sequence === other ? one : event.sequence;
      return { ...event, sequence: to, hash: hashOf(`p ${to}`) };
    };
    return events.map(moved);
  };
