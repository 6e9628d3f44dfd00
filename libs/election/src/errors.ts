export type ElectionErrorCode =
  /** Only a leader can hand over. */
  | 'not_leading'
  /** It is doing so already. */
  | 'already_handing_over';

/** What was asked of the election can't be done now. */
export class ElectionError extends Error {
  override readonly name = 'ElectionError';
  readonly code: ElectionErrorCode;

  constructor(code: ElectionErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
