export type RelayProtocolErrorCode =
  /** Shorter than its header says, of an unknown type, or a head that can't be read. */
  | 'bad_frame'
  /** A frame, head or reason above the limits of the protocol. */
  | 'too_large'
  /** More was sent than the receiver has given credit for. */
  | 'over_credit'
  /** A frame that must not come at this point of a stream. */
  | 'out_of_order';

/** The other end does not keep to the protocol: the connection is of no use any more. */
export class RelayProtocolError extends Error {
  override readonly name = 'RelayProtocolError';
  readonly code: RelayProtocolErrorCode;

  constructor(code: RelayProtocolErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
