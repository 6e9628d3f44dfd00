/** Enough for the usual depth of `await`s between an acknowledged publish and the next one of the same caller. */
const HOPS = 8;

/**
 * Runs `action` after a few turns of the microtask queue. Callers that were just answered, or that publish in a loop
 * of one tick, so get their messages into the same batch, without a millisecond lost on a timer.
 */
export function afterMicrotasks(action: () => void, hops: number = HOPS): void {
  queueMicrotask(hops === 0 ? action : () => afterMicrotasks(action, hops - 1));
}
