export { abortable } from './abortable.ts';
export { tuneCollectorForBuffers } from './collector.ts';
export { type Due, DueHeap } from './due-heap.ts';
export { returnMemoryWhenIdle } from './idle-memory.ts';
export { InvariantViolation, invariant } from './invariant.ts';
export { type Runtime, randomUuid, sleep, systemRuntime, type Timer, waitAtMost } from './runtime.ts';
export { codeOf, messageOf } from './thrown.ts';
