/** Why bytes were refused, or why something could not be turned into bytes. The set is closed: switch over it. */
export type FramingErrorCode =
  /** Fewer bytes are present than the shape needs or its length field says. */
  | 'truncated'
  /** The first bytes are not those of this shape. */
  | 'bad_magic'
  /** The shape is known, its version is not. */
  | 'unsupported_version'
  /** A length field contradicts the bytes it describes. */
  | 'bad_length'
  /** A checksum does not match what it covers. */
  | 'bad_crc'
  /** A count field contradicts what is there, or is out of range. */
  | 'bad_count'
  /** An unknown compression codec. */
  | 'bad_codec'
  /** The compressed records cannot be decompressed. */
  | 'bad_compression'
  /** A record does not keep to its structure. */
  | 'bad_record'
  /** A key or header is not valid UTF-8 (or, when encoding, not a well-formed string). */
  | 'bad_utf8'
  /** A bit or field kept for later versions is set. */
  | 'reserved_not_zero'
  /** Bytes after the commit's body that should be zero are not. */
  | 'bad_padding'
  /** There is more after the end. */
  | 'trailing_bytes'
  /** A limit of the format is exceeded. */
  | 'too_large'
  /** A 64-bit field is above 2^53 - 1, or a value cannot be put into its field. */
  | 'bad_value'
  /** The last eight bytes of a commit do not say what they must. */
  | 'bad_trailer'
  /** Skip pointers that no commit at this place and with this number can have. */
  | 'bad_skips'
  /** A good commit, but of another stream or another page than the one asked for. */
  | 'wrong_place'
  /** A producer checkpoint that contradicts itself. */
  | 'bad_checkpoint'
  /** A message id that was not made by this format. */
  | 'bad_message_id';

/**
 * Expected failure of a codec. `at` is the byte offset of the refused field: in the bytes given when decoding,
 * in the bytes being made when encoding. Inside the records of a compressed batch it counts as if they stood
 * uncompressed after the batch header.
 */
export class FramingError extends Error {
  override readonly name = 'FramingError';
  readonly code: FramingErrorCode;
  readonly at: number;

  constructor(code: FramingErrorCode, at: number, detail: string, options: { cause?: unknown } = {}) {
    super(`${code} at byte ${at}: ${detail}`, options);
    this.code = code;
    this.at = at;
  }
}
