import { StorageError } from '../errors.ts';

/** Account and key of every Azurite, as its documentation publishes them; they open nothing else. */
export const developmentAccount = {
  name: 'devstoreaccount1',
  key: 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==',
  blobUrl: 'http://127.0.0.1:10000/devstoreaccount1',
  queueUrl: 'http://127.0.0.1:10001/devstoreaccount1',
} as const;

/** What a connection string says. */
export interface Connection {
  /** Account URL of the blob service, without query. */
  readonly blobUrl: string;
  /** Likewise of the queue service; undefined where it is neither given nor to be guessed from the other. */
  readonly queueUrl: string | undefined;
  readonly access:
    | { readonly kind: 'key'; readonly accountName: string; readonly accountKey: string }
    | { readonly kind: 'sas'; readonly query: string };
}

/**
 * Reads a connection string of Azure Storage: account and key or SharedAccessSignature, endpoints given or made from
 * EndpointSuffix, or `UseDevelopmentStorage=true` for an Azurite on its usual port.
 * Source: Azure, "Configure Azure Storage connection strings".
 * Errors: `invalid_request`, without repeating any of the text, which is a secret.
 */
export function parseConnectionString(text: string): Connection {
  const settings = settingsIn(text);
  if (settings.get('usedevelopmentstorage') === 'true') {
    const { name, key, ...urls } = developmentAccount;
    return { ...urls, access: { kind: 'key', accountName: name, accountKey: key } };
  }
  const blobUrl = endpointOf('blob', settings) ?? missing('it needs BlobEndpoint or AccountName');
  const urls = { blobUrl, queueUrl: queueEndpoint(settings, blobUrl) };
  const query = settings.get('sharedaccesssignature');
  if (query !== undefined) return { ...urls, access: { kind: 'sas', query: query.replace(/^\?/, '') } };
  const accountName = settings.get('accountname');
  const accountKey = settings.get('accountkey');
  if (accountName === undefined || accountKey === undefined) {
    throw bad('it needs AccountName and AccountKey, or SharedAccessSignature');
  }
  return { ...urls, access: { kind: 'key', accountName, accountKey } };
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

/** The endpoint given for a service, or else the account's usual one; undefined when no account is named either. */
function endpointOf(service: 'blob' | 'queue', settings: ReadonlyMap<string, string>): string | undefined {
  const account = settings.get('accountname');
  const protocol = settings.get('defaultendpointsprotocol') ?? 'https';
  const suffix = settings.get('endpointsuffix') ?? 'core.windows.net';
  const usual = account === undefined ? undefined : `${protocol}://${account}.${service}.${suffix}`;
  const url = settings.get(`${service}endpoint`) ?? usual;
  if (url !== undefined && !URL.canParse(url)) throw bad(`its ${service} endpoint is not a URL`);
  return url?.replace(/\/+$/, '');
}

/** Who gives only a blob endpoint means its own queues, not those of an account of the same name somewhere else. */
function queueEndpoint(settings: ReadonlyMap<string, string>, blobUrl: string): string | undefined {
  const onlyBlobs = settings.has('blobendpoint') && !settings.has('queueendpoint');
  return onlyBlobs ? queueUrlBeside(blobUrl) : endpointOf('queue', settings);
}

/**
 * The URL of the queue service of the account whose blob service has `blobUrl`: the same with `queue` for `blob` in the
 * host's name. Undefined where that is not so: an Azurite, or a name of one's own.
 */
export function queueUrlBeside(blobUrl: string): string | undefined {
  const url = new URL(blobUrl);
  if (!url.hostname.includes('.blob.')) return undefined;
  url.hostname = url.hostname.replace('.blob.', '.queue.');
  return url.href.replace(/\/+$/, '');
}

function missing(what: string): never {
  throw bad(what);
}

function bad(why: string): StorageError {
  return new StorageError('invalid_request', `the connection string can't be used: ${why}`);
}
