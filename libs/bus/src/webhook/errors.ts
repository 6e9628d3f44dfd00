export type WebhookErrorCode =
  /** Not a URL that could ever be pushed to. */
  | 'bad_url'
  /** A URL, or an address its name stands for, that the rules of this vault keep pushes away from. */
  | 'forbidden_target'
  /** No signing secret of the form `whsec_…`. */
  | 'bad_secret'
  /** The target has answered the handshake, without agreeing to be pushed to. */
  | 'handshake_refused'
  /** There was no usable answer to the handshake; trying again later may help. */
  | 'handshake_failed';

/** A webhook that can't be used; the message says why, and what was expected. */
export class WebhookError extends Error {
  override readonly name = 'WebhookError';
  readonly code: WebhookErrorCode;

  constructor(code: WebhookErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
