import { NameError, parseName, parseNamePrefix } from '@message-vault/metadata';
import { VaultClientError } from '../errors.ts';

/** Error: `invalid_argument`. */
export function checkedName(name: string): string {
  return refusingBadNames(() => parseName(name));
}

/** Error: `invalid_argument`. */
export function checkedPrefix(prefix: string): string {
  return refusingBadNames(() => parseNamePrefix(prefix));
}

function refusingBadNames(check: () => string): string {
  try {
    return check();
  } catch (cause) {
    if (!(cause instanceof NameError)) throw cause;
    throw new VaultClientError('invalid_argument', cause.message, { cause });
  }
}
