export { runDocumentStoreConformance } from './documents.ts';
export { type LeaseConformanceTarget, runLeaseStoreConformance } from './leases.ts';
export { runPageStoreConformance } from './pages.ts';
