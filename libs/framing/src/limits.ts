/** Page blobs are read and written in pages of this many bytes (Azure: Put Page). */
export const PAGE_BYTES = 512;

/** The most one Put Page may carry (Azure: Put Page), hence the size of the largest commit. */
export const MAX_COMMIT_BYTES = 4 * 1024 * 1024;

export const COMMIT_HEADER_BYTES = 160;
export const TRAILER_BYTES = 8;
export const BATCH_HEADER_BYTES = 56;

/** The largest batch as it travels. Leaves a commit room for its header, its trailer and a small checkpoint. */
export const MAX_BATCH_BYTES = MAX_COMMIT_BYTES - 4096;

/** The most messages in a batch. */
export const MAX_BATCH_MESSAGES = 16_384;

/** The most messages in a commit: a message's index in its commit is 16 bits of its offset. */
export const MAX_COMMIT_MESSAGES = 65_535;

/** The most bytes the records of a batch may have before compression. Bounds what a decoder ever allocates. */
export const MAX_RECORDS_BYTES = 16 * 1024 * 1024;

/** The longest key, in UTF-8 bytes. */
export const MAX_KEY_BYTES = 1024;

/** The most headers of a message. */
export const MAX_HEADERS = 128;

/** The longest header name, in UTF-8 bytes. At least one byte. */
export const MAX_HEADER_NAME_BYTES = 256;

/** The longest header value, in UTF-8 bytes. */
export const MAX_HEADER_VALUE_BYTES = 8192;

/** The most producers in one checkpoint; with five answers each they still fit a commit of their own. */
export const MAX_CHECKPOINT_PRODUCERS = 8192;

/** How many answers a checkpoint keeps for a producer. */
export const MAX_CHECKPOINT_ANSWERS = 5;

/** The last page a commit may touch: with 16 bits of index an offset is then still a safe integer (64 TiB per stream). */
export const MAX_PAGE = 2 ** 37 - 1;

/** The latest timestamp, in milliseconds since 1970-01-01 UTC: what a UUIDv7 can hold (the year 10889). */
export const MAX_TIMESTAMP = 2 ** 48 - 1;

/** What a skip pointer says when there is no such commit. All ones on the wire. */
export const NO_PAGE = -1;
