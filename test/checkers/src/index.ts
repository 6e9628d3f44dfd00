export type * from './bus/events.ts';
export { checkHistory, HistoryChecker, type Verdict } from './check.ts';
export { encodeEvent, hashOf, MAX_COUNT, parseEvent } from './codec.ts';
export * from './events.ts';
export { type HistoryWriter, openHistory, readHistory } from './file.ts';
export type { CheckName, Finding } from './findings.ts';
export { type Distribution, distribution, type WriteGap, WriteGaps } from './timing.ts';
