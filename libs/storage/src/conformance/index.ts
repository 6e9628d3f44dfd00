export { runBodyStoreConformance } from './bodies.ts';
export { runDocumentStoreConformance } from './documents.ts';
export { type LeaseConformanceTarget, runLeaseStoreConformance } from './leases.ts';
export { runPageStoreConformance } from './pages.ts';
export { type QueueConformanceTarget, runQueueStoreConformance } from './queues.ts';
