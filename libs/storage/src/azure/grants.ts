import {
  ContainerSASPermissions,
  generateBlobSASQueryParameters,
  SASProtocol,
  type SASQueryParameters,
  type UserDelegationKey,
} from '@azure/storage-blob';
import type { Runtime } from '@message-vault/runtime';
import { StorageError } from '../errors.ts';
import type { GrantStore } from '../ports.ts';
import { checkContainer } from '../rules.ts';
import type { Access, Signer } from './access.ts';
import { apiVersion } from './endpoint.ts';
import type { Tries } from './tries.ts';

/** A user delegation key lives that long at most, and no grant outlives its key. Source: Azure, "Get User Delegation Key". */
const maxGrantMs = 7 * 24 * 3_600_000;
/** How long a key is asked for, and how far back it begins, for clocks that differ. */
const delegation = { validForMs: 24 * 3_600_000, skewMs: 15 * 60_000 } as const;

/** Signs read-and-list access to one container, with the account's key or with a user delegation key. */
export function azureGrants(access: Access, tries: Tries, signer: Signer, runtime: Runtime): GrantStore {
  const delegationKey = signer.kind === 'delegation' ? delegationKeys(signer, tries, runtime) : undefined;

  async function sign(container: string, expiresOn: Date): Promise<SASQueryParameters> {
    const values = {
      version: apiVersion,
      containerName: container,
      permissions: ContainerSASPermissions.parse('rl'),
      expiresOn,
      protocol: access.accountUrl.startsWith('https:') ? SASProtocol.Https : SASProtocol.HttpsAndHttp,
    };
    if (signer.kind === 'key') return generateBlobSASQueryParameters(values, signer.credential);
    const key = await delegationKey?.(expiresOn.getTime());
    if (key === undefined) throw new StorageError('unauthorized', 'there is no key to sign with');
    return generateBlobSASQueryParameters(values, key, signer.accountName);
  }

  return {
    async grantRead(container, validForMs) {
      checkContainer(container);
      if (!(validForMs >= 1000 && validForMs <= maxGrantMs)) {
        throw new StorageError(
          'invalid_request',
          `read access is given for 1 second to 7 days, not ${validForMs} ms`,
        );
      }
      // A SAS carries whole seconds.
      const expiresAt = Math.floor((runtime.now() + validForMs) / 1000) * 1000;
      const query = await sign(container, new Date(expiresAt));
      return { url: `${access.accountUrl}/${container}?${query.toString()}`, expiresAt };
    },
  };
}

/** Keys that are valid until a given time at least, asked for again only when the one at hand is not. */
function delegationKeys(
  { service }: Signer & { kind: 'delegation' },
  tries: Tries,
  runtime: Runtime,
): (until: number) => Promise<UserDelegationKey> {
  let key: UserDelegationKey | undefined;
  return async (until) => {
    if (key === undefined || key.signedExpiresOn.getTime() < until) {
      const startsOn = new Date(runtime.now() - delegation.skewMs);
      const expiresOn = new Date(
        Math.min(Math.max(until, runtime.now() + delegation.validForMs), startsOn.getTime() + maxGrantMs),
      );
      key = await tries.repeatedly(undefined, (abortSignal) =>
        service.getUserDelegationKey(startsOn, expiresOn, { abortSignal }),
      );
    }
    return key;
  };
}
