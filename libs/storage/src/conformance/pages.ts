import { describe } from 'vitest';
import type { PageStore } from '../ports.ts';
import { containerConformance } from './page-containers.ts';
import { fencingConformance } from './page-fencing.ts';
import { readingConformance } from './page-reading.ts';
import { writingConformance } from './page-writing.ts';

/**
 * Everything the log relies on in a PageStore, as tests. `make` is called for every test; it may answer the same store
 * every time, since each test works in a container of its own.
 */
export function runPageStoreConformance(name: string, make: () => PageStore): void {
  describe(`${name}: page store`, () => {
    containerConformance(make);
    fencingConformance(make);
    writingConformance(make);
    readingConformance(make);
  });
}
