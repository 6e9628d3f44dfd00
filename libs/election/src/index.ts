export type { Alarm, AlarmCode } from './alarms.ts';
export { DECISIONS, decide, OBSERVABLE, type Observation, type Row } from './decision.ts';
export { createElection } from './election.ts';
export { ElectionError, type ElectionErrorCode } from './errors.ts';
export type { HandoverResult } from './handover.ts';
export { testify } from './neighbours.ts';
export type { Election, ElectionEvents, ElectionOptions } from './options.ts';
export type {
  ClusterHint,
  ProbePort,
  ProbeResult,
  StorageSightings,
  WitnessAnswer,
} from './ports.ts';
export type { ProbeReport } from './prober.ts';
export { type RepairOptions, repairLeaderRecords } from './repair.ts';
export { nextRole, ROLE_STEPS, type Role } from './roles.ts';
export { defaultElectionSettings, type ElectionSettings, electionSettingsSchema } from './settings.ts';
export type { ElectionState, Readiness, RoleChange } from './state.ts';
export type { WitnessReport } from './witness-round.ts';
