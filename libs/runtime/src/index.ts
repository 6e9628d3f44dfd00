export { tuneCollectorForBuffers } from './collector.ts';
export { InvariantViolation, invariant } from './invariant.ts';
export { type Runtime, randomUuid, sleep, systemRuntime, type Timer } from './runtime.ts';
