export { createHttpApp, type HttpApp } from './app.ts';
export type { AccessQuestion, Authorize, HttpOptions } from './options.ts';
export {
  type AccessGrant,
  type ClusterView,
  type ForwardAnswer,
  ForwardError,
  type ForwardErrorCode,
  type ForwardRequest,
  type HandoverResult,
  type LeaderInfo,
  type NameEntry,
  type NamePage,
  type NamesPort,
  type NodePorts,
  type NodeStatus,
  type PageRequest,
  type PublishRequest,
  type ReaderLease,
  type Readiness,
  type SeenName,
} from './ports.ts';
export { HttpProblem, PROBLEMS, type ProblemCode, problemOf, type Recovery } from './problems.ts';
export { RELAYED } from './relayed.ts';
