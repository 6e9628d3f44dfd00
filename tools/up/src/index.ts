export { startCluster } from './cluster.ts';
export type { ClusterFile } from './directory.ts';
export { ClusterError, type ClusterErrorCode } from './errors.ts';
export type { Cluster, ClusterNode, ClusterStorage } from './handle.ts';
export type { ClusterOptions, StorageChoice } from './options.ts';
export type { App, NodePlan } from './plan.ts';
export { freePorts } from './ports.ts';
