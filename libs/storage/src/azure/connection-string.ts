import { StorageError } from '../errors.ts';

/** Account and key of every Azurite, as its documentation publishes them; they open nothing else. */
export const developmentAccount = {
  name: 'devstoreaccount1',
  key: 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==',
  blobUrl: 'http://127.0.0.1:10000/devstoreaccount1',
} as const;

/** What a connection string says about the blob service. */
export interface BlobConnection {
  /** Account URL of the blob service, without query. */
  readonly blobUrl: string;
  readonly access:
    | { readonly kind: 'key'; readonly accountName: string; readonly accountKey: string }
    | { readonly kind: 'sas'; readonly query: string };
}

/**
 * Reads a connection string of Azure Storage: account and key or SharedAccessSignature, endpoint given or made from
 * EndpointSuffix, or `UseDevelopmentStorage=true` for an Azurite on its usual port.
 * Source: Azure, "Configure Azure Storage connection strings".
 * Errors: `invalid_request`, without repeating any of the text, which is a secret.
 */
export function parseConnectionString(text: string): BlobConnection {
  const settings = settingsIn(text);
  if (settings.get('usedevelopmentstorage') === 'true') {
    const { name, key, blobUrl } = developmentAccount;
    return { blobUrl, access: { kind: 'key', accountName: name, accountKey: key } };
  }
  const blobUrl = blobEndpoint(settings);
  const query = settings.get('sharedaccesssignature');
  if (query !== undefined) return { blobUrl, access: { kind: 'sas', query: query.replace(/^\?/, '') } };
  const accountName = settings.get('accountname');
  const accountKey = settings.get('accountkey');
  if (accountName === undefined || accountKey === undefined) {
    throw bad('it needs AccountName and AccountKey, or SharedAccessSignature');
  }
  return { blobUrl, access: { kind: 'key', accountName, accountKey } };
}

/** Setting names in lower case: Azure's own tools write them in several spellings. */
function settingsIn(text: string): Map<string, string> {
  const settings = new Map<string, string>();
  for (const part of text.split(';')) {
    if (part.trim() === '') continue;
    const at = part.indexOf('=');
    if (at <= 0) throw bad('every part reads Name=Value');
    settings.set(part.slice(0, at).trim().toLowerCase(), part.slice(at + 1).trim());
  }
  return settings;
}

function blobEndpoint(settings: ReadonlyMap<string, string>): string {
  const given = settings.get('blobendpoint');
  const account = settings.get('accountname');
  if (given === undefined && account === undefined) throw bad('it needs BlobEndpoint or AccountName');
  const protocol = settings.get('defaultendpointsprotocol') ?? 'https';
  const suffix = settings.get('endpointsuffix') ?? 'core.windows.net';
  const url = given ?? `${protocol}://${account}.blob.${suffix}`;
  if (!URL.canParse(url)) throw bad('its blob endpoint is not a URL');
  return url.replace(/\/+$/, '');
}

function bad(why: string): StorageError {
  return new StorageError('invalid_request', `the connection string can't be used: ${why}`);
}
