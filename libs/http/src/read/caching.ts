import type { StreamDocument } from '@message-vault/metadata';
import type { Exchange, HttpContext } from '../exchange.ts';
import type { MessageRange } from './range.ts';

const A_YEAR_SECONDS = 31_536_000;

/**
 * A range of the past that starts at a fixed place and was ended by the limits of the request, not by the tail, is the
 * same for ever: it gets an ETag, and caches may keep it. Anything else may look different the next moment.
 */
export function tagRange(
  context: HttpContext,
  { res }: Exchange,
  answer: { document: StreamDocument; range: MessageRange; tag: string; fixed: boolean },
): void {
  const { document, range, tag, fixed } = answer;
  if (!fixed || range.upToDate || range.messages === 0) {
    res.setHeader('Cache-Control', 'no-store');
    return;
  }
  const who = context.options.authorize === undefined ? 'public' : 'private';
  res.setHeader('ETag', `"${document.streamId}-${range.from}-${range.nextOffset}-${tag}"`);
  res.setHeader('Cache-Control', `${who}, max-age=${A_YEAR_SECONDS}, immutable`);
}

/** Answers 304 if the client has the tagged answer already. */
export function answeredByETag({ req, res }: Exchange): boolean {
  const etag = res.getHeader('ETag');
  const known = req.headers['if-none-match'];
  if (typeof etag !== 'string' || known === undefined || !matches(known, etag)) return false;
  res.statusCode = 304;
  res.end();
  return true;
}

/** Weak comparison (RFC 9110, 8.8.3.2). */
function matches(ifNoneMatch: string, etag: string): boolean {
  if (ifNoneMatch.trim() === '*') return true;
  return ifNoneMatch.split(',').some((each) => each.trim().replace(/^W\//, '') === etag);
}
