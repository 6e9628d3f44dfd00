import { isVaultClientError } from '@message-vault/client';

/** How `mvault` ends. Documented in docs/cli.md; scripts rely on it. */
export const EXIT = {
  ok: 0,
  failure: 1,
  usage: 2,
  notFound: 3,
  interrupted: 130,
  terminated: 143,
} as const;

/** The command line makes no sense. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Something went wrong, and this is what to say of it. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';
  readonly exitCode: number;

  constructor(message: string, exitCode: number = EXIT.failure, options: { cause?: unknown } = {}) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** The exit code for what a command failed with; undefined for a bug, which is shown whole. */
export function exitCodeOf(error: unknown): number | undefined {
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof CommandFailure) return error.exitCode;
  if (!isVaultClientError(error)) return undefined;
  if (error.code === 'not_found') return EXIT.notFound;
  return error.code === 'invalid_argument' ? EXIT.usage : EXIT.failure;
}
