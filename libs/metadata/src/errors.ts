/** A text is not a name. `expected` says what would have been one. */
export class NameError extends Error {
  override readonly name = 'NameError';
  readonly code = 'bad_name';
  readonly expected: string;

  constructor(message: string, expected: string) {
    super(`${message}: expected ${expected}`);
    this.expected = expected;
  }
}

/**
 * `malformed`: not JSON, or not the shape of the document.
 * `unsupported_version`: a well-formed document of a version this program does not know.
 */
export type DocumentErrorCode = 'malformed' | 'unsupported_version';

/** A stored document can't be taken at its word. */
export class DocumentError extends Error {
  override readonly name = 'DocumentError';
  readonly code: DocumentErrorCode;

  constructor(code: DocumentErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.code = code;
  }
}

export type UnitErrorCode = 'bad_duration' | 'bad_size';

/** A text is not a duration, or not a size. */
export class UnitError extends Error {
  override readonly name = 'UnitError';
  readonly code: UnitErrorCode;

  constructor(code: UnitErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** A policy can't be in force. `field` is the field as clients call it; empty when it is the policy as a whole. */
export class PolicyError extends Error {
  override readonly name = 'PolicyError';
  readonly code = 'bad_policy';
  readonly field: string;
  readonly expected: string;

  constructor(field: string, message: string, expected: string) {
    super(`${message}: expected ${expected}`);
    this.field = field;
    this.expected = expected;
  }
}
