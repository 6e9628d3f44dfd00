import {
  isVaultClientError,
  type NameHandle,
  type NamePolicy,
  type PolicyFields,
} from '@message-vault/client';
import { CommandFailure, UsageError } from '../exit.ts';

/** Somebody else may change the policy at the same time, so often. */
const MAX_ATTEMPTS = 10;

/** Gives the name the policy: a role where it has none, else the fields given, the others staying as they are. */
export async function setPolicy(
  handle: NameHandle,
  given: PolicyFields,
  signal: AbortSignal,
): Promise<{ made: boolean; found: NamePolicy }> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const current = await policyOf(handle, signal);
      return current === undefined
        ? { made: true, found: await assign(handle, given, signal) }
        : { made: false, found: await change(handle, current, given, signal) };
    } catch (error) {
      if (!isVaultClientError(error, 'changed_meanwhile') || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}

async function policyOf(handle: NameHandle, signal: AbortSignal): Promise<NamePolicy | undefined> {
  try {
    return await handle.policy({ signal });
  } catch (error) {
    if (isVaultClientError(error, 'not_found')) return undefined;
    throw error;
  }
}

async function assign(handle: NameHandle, given: PolicyFields, signal: AbortSignal): Promise<NamePolicy> {
  const { role } = given;
  if (role === undefined) throw new UsageError(`${handle.name} has no role yet: give --role`);
  return await handle.assign({ ...given, role }, { signal });
}

async function change(
  handle: NameHandle,
  current: NamePolicy,
  given: PolicyFields,
  signal: AbortSignal,
): Promise<NamePolicy> {
  if (given.role !== undefined && given.role !== current.role)
    throw new CommandFailure(
      `${handle.name} is a ${current.role}; to make it a ${given.role}, remove it first (mvault names rm ${handle.name})`,
    );
  // What a policy leaves out has its default again.
  return await handle.change({ ...current.policy, ...given }, { ifMatch: current.etag, signal });
}
