import { setFlagsFromString } from 'node:v8';

/**
 * Sets V8's garbage collector up for a process that moves large buffers; for the main program of a process only, before
 * it does anything else.
 *
 * A buffer is a small object with a large appendage. The young generation fills up with small objects far too slowly for
 * the buffers to be noticed, so what notices them is the limit on memory outside the heap, which marks the whole heap,
 * in increments, up to a hundred times a second at 100 MB/s. Keeping the young generation small has it collected
 * before that, together with the buffers that died; marking in one go costs a pause of some 10 ms with the heap of a node
 * and less than half the CPU (docs/performance.md has the figures, docs/adr/0020 the reasons).
 */
export function tuneCollectorForBuffers(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--no-incremental-marking');
}
