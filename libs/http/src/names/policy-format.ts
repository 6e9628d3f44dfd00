import { createHash } from 'node:crypto';
import { encodeNameDocument, formatPolicy, type NameDocument } from '@message-vault/metadata';
import accepts from 'accepts';
import { sendText } from '../answer.ts';
import type { Exchange } from '../exchange.ts';
import { parseJson } from '../json.ts';
import { HttpProblem } from '../problems.ts';
import { ATOM_TYPE, POLICY_TYPE, parseMediaType } from '../publish/media-type.ts';
import { answeredByETag } from '../read/caching.ts';
import { formatEntry, parseEntry } from './atom.ts';

const ENTRY_TYPE = `${ATOM_TYPE};type=entry`;
const JSON_TYPES = ['application/json', POLICY_TYPE];
const OFFERED = [...JSON_TYPES, ENTRY_TYPE, ATOM_TYPE];
const ATOM_SUFFIX = '.atom';

/** The policy in a body, as JSON has it. Throws `unsupported_media_type`, `bad_body`, PolicyError. */
export function parsePolicyBody(bytes: Uint8Array, contentType: string | undefined): unknown {
  const type = parseMediaType(contentType)?.essence;
  if (type === ATOM_TYPE) return parseEntry(bytes);
  if (type !== undefined && JSON_TYPES.includes(type)) return parseJson(bytes, 'bad_body').json;
  throw new HttpProblem('unsupported_media_type', `expected a policy as ${POLICY_TYPE} or ${ENTRY_TYPE}`, {
    allowed: [POLICY_TYPE, ENTRY_TYPE],
  });
}

/** Sends the policy in the form the client accepts; in that of its own body when it does not say. */
export function sendPolicy(exchange: Exchange, document: NameDocument, status: 200 | 201): void {
  const { req, res } = exchange;
  const type = chosenType(exchange);
  const atom = type.startsWith(ATOM_TYPE);
  const body = atom ? formatEntry(document) : JSON.stringify(formatPolicy(document));
  res.setHeader('ETag', `"${versionOf(document)}${atom ? ATOM_SUFFIX : ''}"`);
  res.setHeader('Cache-Control', 'no-cache');
  res.setHeader('Vary', 'Accept');
  if (status === 200 && req.method !== 'PUT' && answeredByETag(exchange)) return;
  sendText(exchange, status, atom ? `${ENTRY_TYPE};charset=utf-8` : type, body);
}

function chosenType({ req }: Exchange): string {
  const accepted = accepts(req).types(OFFERED);
  if (typeof accepted !== 'string')
    throw new HttpProblem('not_acceptable', `expected one of ${OFFERED.join(', ')}`, { allowed: OFFERED });
  const anything = req.headers.accept === undefined || req.headers.accept === '*/*';
  const given = req.headers['content-type']?.toLowerCase() ?? '';
  return anything && given.startsWith(ATOM_TYPE) ? ENTRY_TYPE : accepted;
}

/** Throws `precondition_failed` unless If-Match, if there is one, names the version of `document`. */
export function checkIfMatch({ req }: Exchange, document: NameDocument): void {
  const wanted = req.headers['if-match'];
  if (wanted === undefined || wanted.trim() === '*') return;
  const version = versionOf(document);
  const matches = wanted
    .split(',')
    .some((tag) => [`"${version}"`, `"${version}${ATOM_SUFFIX}"`].includes(tag.trim()));
  if (matches) return;
  throw new HttpProblem(
    'precondition_failed',
    `the policy of ${document.name} is of version "${version}" now, not ${wanted.slice(0, 200)}`,
  );
}

/** The same on every node; another for every change and every assignment. */
function versionOf(document: NameDocument): string {
  const stored = 'deadLetterOf' in document ? JSON.stringify(document) : encodeNameDocument(document);
  return createHash('sha256').update(stored).digest('hex').slice(0, 32);
}
