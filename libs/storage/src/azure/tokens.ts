import type { AccessToken, TokenCredential } from '@azure/identity';
import type { Runtime } from '@message-vault/runtime';

const scope = 'https://storage.azure.com/.default';
/** A token is renewed when it has less than this left. */
const marginMs = 5 * 60_000;
/** Whoever lacks a permission is refused again and again; a new token is not asked for each time. */
const betweenRefusalsMs = 10_000;

/** Tokens for the storage, for the SDK and for the requests made without it. */
export interface BearerTokens {
  readonly credential: TokenCredential;
  /** A token that is valid for minutes to come. */
  current(): Promise<string>;
  /** The storage refused a request: the next one gets a new token, if `wasIt` says that this one was refused. */
  refused(wasIt: (token: string) => boolean): void;
}

/** Uses `given`, or DefaultAzureCredential, whose package takes long to load and so is loaded when first needed. */
export function bearerTokens(given: TokenCredential | undefined, runtime: Runtime): BearerTokens {
  let loading: Promise<TokenCredential> | undefined;
  const credential: TokenCredential = given ?? {
    async getToken(scopes, options) {
      loading ??= import('@azure/identity').then(
        ({ DefaultAzureCredential }) => new DefaultAzureCredential(),
      );
      return (await loading).getToken(scopes, options);
    },
  };
  let token: Promise<AccessToken> | undefined;
  let goodUntil = Number.NEGATIVE_INFINITY;
  let fetched: string | undefined;
  let refusedAt = Number.NEGATIVE_INFINITY;

  async function fetchToken(): Promise<AccessToken> {
    const answer = await credential.getToken(scope);
    if (answer === null) throw new Error('the credential gave no token for the storage');
    goodUntil = answer.expiresOnTimestamp - marginMs;
    fetched = answer.token;
    return answer;
  }

  return {
    credential,
    async current() {
      if (runtime.now() >= goodUntil) {
        // Those who come while one is fetched wait for the same one; a failed one is not kept.
        goodUntil = Number.POSITIVE_INFINITY;
        token = fetchToken();
        token.catch(() => {
          goodUntil = Number.NEGATIVE_INFINITY;
        });
      }
      const { token: text } = await (token ?? fetchToken());
      return text;
    },
    refused(wasIt) {
      const now = runtime.monotonic();
      if (fetched === undefined || !wasIt(fetched) || now - refusedAt < betweenRefusalsMs) return;
      refusedAt = now;
      fetched = undefined;
      goodUntil = Number.NEGATIVE_INFINITY;
    },
  };
}
