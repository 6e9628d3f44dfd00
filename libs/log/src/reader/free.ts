/** Smaller buffers are left to the collector. Node's own, of which others have parts, are smaller, too. */
const WORTH_FREEING_BYTES = 256 * 1024;

/** Gives the memory back at once. Whoever still has a view of it finds it empty. */
export function free(buffer: ArrayBufferLike): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength >= WORTH_FREEING_BYTES) buffer.transfer(0);
}
