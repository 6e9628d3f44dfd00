export { drills } from './catalogue.ts';
export type { Drill } from './drill.ts';
export { DrillError, type DrillErrorCode, isExpected } from './errors.ts';
export { type DrillReport, gapsOf, type Report } from './report/data.ts';
export { listText, runText, verdictText } from './report/text.ts';
export type { RunResult } from './run/result.ts';
export { drillNamed, runDrills, type SessionOptions, type SessionResult } from './session.ts';
