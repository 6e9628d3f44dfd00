const REDACTED = '[redacted]';

/** What in a text is a secret: everything the second group matches. */
const SECRETS: readonly RegExp[] = [
  // Signature of a SAS, in a URL or a connection string, percent-encoded or not.
  /([?&;]sig=)([^&;\s"'\\]+)/gi,
  /(AccountKey=)([^;\s"'\\]+)/gi,
  /(SharedAccessSignature=)([^;\s"'\\]+)/gi,
  /(\bBearer\s+)([A-Za-z0-9._~+/-]+=*)/gi,
  /(\bSharedKey\s+[^:\s"]+:)([A-Za-z0-9+/=]+)/gi,
  // User information of a URL: redis://:password@host, https://user:password@host.
  /(\b[a-z][a-z0-9+.-]*:\/\/)([^/?#\s"'@\\]+)(?=@)/gi,
];

/** `text` with SAS signatures, account keys, bearer tokens and passwords in URLs replaced by `[redacted]`. */
export function redactSecrets(text: string): string {
  return SECRETS.reduce((rest, secret) => rest.replace(secret, `$1${REDACTED}`), text);
}

/** Fields whose whole value is a secret whatever it looks like, at the top of what is logged and one level below. */
const SECRET_FIELDS = [
  'authorization',
  'cookie',
  'password',
  'secret',
  'token',
  'accountKey',
  'connectionString',
  'sas',
];

export const redactedPaths: readonly string[] = SECRET_FIELDS.flatMap((field) => [
  field,
  `*.${field}`,
  `*.*.${field}`,
]);
