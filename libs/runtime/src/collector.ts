import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** How often a look is taken at how much lies outside the heap. A look costs some microseconds. */
const LOOK_EVERY_MS = 25;
/** What is worth a young collection (about 2 ms): far less than V8 itself lets pile up before it collects the whole heap. */
const WORTH_COLLECTING_BYTES = 16 * 1024 * 1024;

/**
 * Sets V8's garbage collector up for a process that moves large buffers; for the main program of a process only, before
 * it does anything else.
 *
 * A buffer is a small object with a large appendage. The young generation fills up with small objects far too slowly for
 * the buffers to be noticed, so what notices them is the limit on memory outside the heap, which collects the whole heap,
 * some 30 ms at a time and up to twenty times a second. So the young generation, where nearly all of them have died
 * already, is collected whenever buffers of some size have come since the last time; and marking, when it is needed, is
 * done in one go (docs/performance.md has the figures, docs/adr/0020 the reasons).
 */
export function tuneCollectorForBuffers(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--no-incremental-marking');
  const collect = exposedCollector();
  let lowest = outsideHeap();
  setInterval(() => {
    const held = outsideHeap();
    lowest = Math.min(lowest, held);
    if (held - lowest < WORTH_COLLECTING_BYTES) return;
    collect({ type: 'minor' });
    lowest = outsideHeap();
  }, LOOK_EVERY_MS).unref();
}

function outsideHeap(): number {
  return getHeapStatistics().external_memory;
}

interface Collection {
  readonly type: 'minor' | 'major';
  /** `last-resort`: the whole heap, packed, more than once; its free memory goes back to the machine. */
  readonly flavor?: 'regular' | 'last-resort';
}

/** V8 gives its collector only to contexts made after it was asked to, so nothing else of the program sees it. */
export function exposedCollector(): (what: Collection) => void {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  if (typeof collect !== 'function') throw new Error('this build of Node does not give out its collector');
  return (what) => void collect({ execution: 'sync', ...what });
}
