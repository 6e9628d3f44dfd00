export type ChaosErrorCode =
  /** A mode or its settings are not as described in modes.ts; the message says what is wrong. */
  | 'bad_mode'
  /** The mode looks into HTTP, and the link only knows bytes. */
  | 'not_http'
  /** Text that names no link, as in NAME=LISTEN,TARGET. */
  | 'bad_link'
  /** Somebody else listens where the link should. */
  | 'port_taken';

export class ChaosError extends Error {
  override readonly name = 'ChaosError';
  readonly code: ChaosErrorCode;

  constructor(code: ChaosErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.code = code;
  }
}
