import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { FramingError } from './errors.ts';
import { MAX_RECORDS_BYTES } from './limits.ts';

/** Fast enough to keep up with a publisher; higher levels cost far more time than they save bytes on messages. */
const COMPRESSION_LEVEL = 3;

/** The largest window a frame may ask the decoder to allocate, as a power of two: no more than the records themselves may have. */
const MAX_WINDOW_LOG = Math.log2(MAX_RECORDS_BYTES);

/** Output is collected in pieces of this size, so that a lying length costs no more than its first piece. */
const CHUNK_BYTES = 256 * 1024;
const MIN_CHUNK_BYTES = 64;

/** Compresses records into one zstd frame. */
export function compress(records: Uint8Array): Uint8Array<ArrayBuffer> {
  return zstdCompressSync(records, {
    params: { [constants.ZSTD_c_compressionLevel]: COMPRESSION_LEVEL },
    pledgedSrcSize: records.byteLength,
  });
}

interface Inflated {
  readonly buffer: Uint8Array;
  readonly engine: { readonly bytesWritten: number };
}

/**
 * Decompresses exactly one zstd frame that must fill `frame` and give exactly `expectedBytes`.
 * `at` is where the frame stands and `lengthAt` where its uncompressed length does, for the error.
 */
export function decompress(
  frame: Uint8Array,
  expectedBytes: number,
  where: { at: number; lengthAt: number },
): Uint8Array {
  const { buffer, engine } = inflate(frame, expectedBytes, where);
  if (buffer.byteLength !== expectedBytes) {
    const detail = `the records have ${buffer.byteLength} bytes, not ${expectedBytes}`;
    throw new FramingError('bad_length', where.lengthAt, detail);
  }
  if (engine.bytesWritten !== frame.byteLength) {
    throw new FramingError(
      'trailing_bytes',
      where.at + engine.bytesWritten,
      'more after the end of the zstd frame',
    );
  }
  return buffer;
}

function inflate(
  frame: Uint8Array,
  expectedBytes: number,
  where: { at: number; lengthAt: number },
): Inflated {
  try {
    const result: unknown = zstdDecompressSync(frame, {
      info: true,
      maxOutputLength: expectedBytes,
      chunkSize: Math.max(MIN_CHUNK_BYTES, Math.min(CHUNK_BYTES, expectedBytes)),
      params: { [constants.ZSTD_d_windowLogMax]: MAX_WINDOW_LOG },
    });
    if (!isInflated(result))
      throw new TypeError('zstdDecompressSync with info answers a buffer and its engine');
    return result;
  } catch (cause) {
    if (cause instanceof TypeError) throw cause;
    if (cause instanceof RangeError && 'code' in cause && cause.code === 'ERR_BUFFER_TOO_LARGE') {
      throw new FramingError(
        'bad_length',
        where.lengthAt,
        `the records have more than ${expectedBytes} bytes`,
        { cause },
      );
    }
    throw new FramingError('bad_compression', where.at, 'not a valid zstd frame', { cause });
  }
}

function isInflated(result: unknown): result is Inflated {
  return (
    typeof result === 'object' &&
    result !== null &&
    'buffer' in result &&
    result.buffer instanceof Uint8Array &&
    'engine' in result &&
    typeof result.engine === 'object' &&
    result.engine !== null &&
    'bytesWritten' in result.engine &&
    typeof result.engine.bytesWritten === 'number'
  );
}
