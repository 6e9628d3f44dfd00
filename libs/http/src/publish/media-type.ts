import { HttpProblem } from '../problems.ts';

/** How a published body is to be read. */
export type BodyFormat = 'batch' | 'batch+json' | 'cloudevent' | 'cloudevents-batch' | 'policy' | 'message';

export interface MediaType {
  /** `type/subtype`, lower case. */
  readonly essence: string;
  readonly parameters: ReadonlyMap<string, string>;
  /** As the client wrote it. */
  readonly text: string;
}

/** A batch as a client library frames it. */
export const FRAMED_BATCH = 'application/vnd.message-vault.batch';

export const POLICY_TYPE = 'application/vnd.message-vault.policy+json';
export const ATOM_TYPE = 'application/atom+xml';

const FORMATS: Readonly<Record<string, BodyFormat>> = {
  [FRAMED_BATCH]: 'batch',
  'application/vnd.message-vault.batch+json': 'batch+json',
  'application/cloudevents+json': 'cloudevent',
  'application/cloudevents-batch+json': 'cloudevents-batch',
  [POLICY_TYPE]: 'policy',
};

/** Ours or CloudEvents', but none of those above: surely a mistake, so not stored as a message. */
const RESERVED = /^application\/(?:vnd\.message-vault\.|cloudevents)/;
const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const ESSENCE = new RegExp(`^(${TOKEN}/${TOKEN})[ \\t]*(?:;|$)`);
const PARAMETER = new RegExp(
  `;[ \\t]*(?:(${TOKEN})=(?:(${TOKEN})|"((?:[^"\\\\]|\\\\.)*)"))?[ \\t]*(?=;|$)`,
  'gy',
);

const SUPPORTED = Object.keys(FORMATS).filter((essence) => FORMATS[essence] !== 'policy');

/** Undefined without a Content-Type. Throws `unsupported_media_type` for what is none. */
export function parseMediaType(text: string | undefined): MediaType | undefined {
  if (text === undefined) return undefined;
  const match = ESSENCE.exec(text);
  if (match === null)
    throw unsupported(`${JSON.stringify(text)} is no media type: expected one like application/json`);
  const essence = (match[1] ?? '').toLowerCase();
  const parameters = new Map<string, string>();
  const rest = text.slice((match[1] ?? '').length).trimStart();
  let read = 0;
  for (const [whole, name, token, quoted] of rest.matchAll(PARAMETER)) {
    read += whole.length;
    if (name !== undefined)
      parameters.set(name.toLowerCase(), token ?? (quoted ?? '').replace(/\\(.)/g, '$1'));
  }
  if (read !== rest.length)
    throw unsupported(`the parameters of ${JSON.stringify(text)} are not well-formed`);
  return { essence, parameters, text };
}

/** Throws `unsupported_media_type`. */
export function bodyFormat(type: MediaType | undefined): BodyFormat {
  if (type === undefined) return 'message';
  const format = FORMATS[type.essence];
  if (format !== undefined) return format;
  if (isAtomEntry(type)) return 'policy';
  if (RESERVED.test(type.essence)) throw unsupported(`${type.essence} is not one of ${SUPPORTED.join(', ')}`);
  return 'message';
}

export function isJson(type: MediaType | undefined): boolean {
  return type !== undefined && (type.essence === 'application/json' || type.essence.endsWith('+json'));
}

/** Whether the bytes are meant to be read as UTF-8 text. */
export function isText(type: MediaType | undefined): boolean {
  if (type === undefined) return false;
  const charset = type.parameters.get('charset')?.toLowerCase() ?? 'utf-8';
  if (charset !== 'utf-8' && charset !== 'us-ascii') return false;
  return type.essence.startsWith('text/') || type.essence.endsWith('+xml') || TEXTUAL.has(type.essence);
}

const TEXTUAL = new Set([
  'application/xml',
  'application/x-ndjson',
  'application/javascript',
  'application/x-www-form-urlencoded',
]);

function isAtomEntry(type: MediaType): boolean {
  return type.essence === ATOM_TYPE && type.parameters.get('type') === 'entry';
}

function unsupported(detail: string): HttpProblem {
  return new HttpProblem('unsupported_media_type', detail, { allowed: SUPPORTED });
}
