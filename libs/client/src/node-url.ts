import { VaultClientError } from './errors.ts';

/** A node's URL as it is compared and used: scheme, host and port. Error: `invalid_argument`. */
export function nodeUrl(text: string): string {
  const url = usableNodeUrl(text);
  if (url !== undefined) return url;
  throw new VaultClientError(
    'invalid_argument',
    `${JSON.stringify(text)} is no URL of a node: expected http://HOST:PORT or https://HOST:PORT, ` +
      'without path, query or credentials',
  );
}

/** The same for what is only hearsay: undefined when it is of no use. */
export function usableNodeUrl(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) return undefined;
  // What is lost on the way to the origin would be lost silently: a path behind a proxy, a password.
  const more = url.username + url.password + url.search + url.hash;
  return more === '' && /^\/*$/.test(url.pathname) ? url.origin : undefined;
}
