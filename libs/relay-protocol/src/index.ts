export { RelayProtocolError, type RelayProtocolErrorCode } from './errors.ts';
export { type CancelCode, decodeFrame, encodeFrame, type Frame } from './frames.ts';
export type { AnswerHead, HeaderList, RequestHead } from './heads.ts';
export { HOP_BY_HOP, headersOfOneHop } from './hop-by-hop.ts';
export {
  MAX_DATA_BYTES,
  MAX_FRAME_BYTES,
  MAX_HEAD_BYTES,
  MAX_STREAM,
  RELAY_SUBPROTOCOL,
  WINDOW_BYTES,
} from './limits.ts';
export type { Link } from './link.ts';
export {
  type BodyFrame,
  type RelayStream,
  StreamCancelled,
  type StreamObserver,
  Streams,
} from './streams.ts';
