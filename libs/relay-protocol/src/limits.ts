/** Name of the protocol as a WebSocket subprotocol. Its constants are part of the version. */
export const RELAY_SUBPROTOCOL = 'message-vault.relay.v1';

/** Most bytes of a body in one frame. Small enough that no stream holds up the others on its connection. */
export const MAX_DATA_BYTES = 64 * 1024;
/** Most bytes of the JSON of a head. */
export const MAX_HEAD_BYTES = 64 * 1024;
/** Most bytes of the text that says why a stream was cancelled. */
export const MAX_REASON_BYTES = 1024;
/** Type and stream. */
export const FRAME_HEADER_BYTES = 5;
/** The largest frame there can be. */
export const MAX_FRAME_BYTES = FRAME_HEADER_BYTES + Math.max(MAX_DATA_BYTES, MAX_HEAD_BYTES);

/** Bytes of a body that may be under way in one direction of a stream before the receiver gives more credit. */
export const WINDOW_BYTES = 256 * 1024;
/** What a data frame takes of the credit at least: small frames cost their receiver memory, too. */
export const MIN_DATA_COST = 256;
/** Largest stream number; a connection that has used it up takes no more requests. */
export const MAX_STREAM = 0xffff_ffff;
