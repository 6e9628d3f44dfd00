import { parseNamePrefix } from '@message-vault/metadata';
import accepts from 'accepts';
import { sendJson, sendText } from '../answer.ts';
import type { Exchange, HttpContext } from '../exchange.ts';
import { formatFeed } from '../names/atom.ts';
import { seenBy } from '../names/discovery.ts';
import type { NamePage, PageRequest } from '../ports.ts';
import { ATOM_TYPE } from '../publish/media-type.ts';
import { Query } from '../query.ts';
import { openCursor, sealCursor } from './cursor.ts';

const FEED_TYPE = `${ATOM_TYPE};type=feed`;

/** `GET /-/names`: names with their roles, a page at a time. */
export async function sendNames(context: HttpContext, exchange: Exchange, query: string): Promise<void> {
  const parameters = new Query(query);
  const prefix = parseNamePrefix(parameters.text('prefix') ?? '');
  const listing = `names ${prefix}`;
  const request = { ...pageOf(context, parameters, listing), sees: seenBy(context, exchange) };
  const page = pageJson(await context.ports.listNames(prefix, request), listing);
  const path = `/-/names?prefix=${encodeURIComponent(prefix)}`;
  sendListing(exchange, page, { title: 'Names', path, json: page });
}

/** `GET /{name}/-/children`: names directly below. */
export async function sendChildren(
  context: HttpContext,
  exchange: Exchange,
  name: string,
  query: string,
): Promise<void> {
  const listing = `children ${name}`;
  const request = { ...pageOf(context, new Query(query), listing), sees: seenBy(context, exchange) };
  const page = pageJson(await context.ports.listChildren(name, request), listing);
  const { names: children, cursor } = page;
  sendListing(exchange, page, {
    title: `Names below ${name}`,
    path: `/${name}/-/children`,
    json: { name, children, cursor },
  });
}

/** JSON, or an Atom feed for those who ask for one. */
function sendListing(
  exchange: Exchange,
  { names, cursor }: ReturnType<typeof pageJson>,
  listing: { title: string; path: string; json: object },
): void {
  const { req, res } = exchange;
  res.setHeader('Cache-Control', 'no-store');
  res.setHeader('Vary', 'Accept');
  const accepted = accepts(req).types(['application/json', FEED_TYPE, ATOM_TYPE]);
  if (accepted === 'application/json' || typeof accepted !== 'string') {
    sendJson(exchange, 200, JSON.stringify(listing.json));
    return;
  }
  const { title, path: self } = listing;
  const next = cursor === null ? undefined : `${self}${self.includes('?') ? '&' : '?'}cursor=${cursor}`;
  sendText(exchange, 200, `${FEED_TYPE};charset=utf-8`, formatFeed({ title, self, next }, names));
}

function pageOf(context: HttpContext, parameters: Query, listing: string): PageRequest {
  const { defaultNames, maxNames } = context.options.limits.read;
  const cursor = parameters.text('cursor') ?? '';
  return {
    cursor: cursor === '' ? undefined : openCursor(listing, cursor),
    limit: parameters.bound('limit', maxNames) ?? defaultNames,
  };
}

function pageJson(page: NamePage, listing: string) {
  const names = page.names.map(({ name, role }) => ({ name, role }));
  return { names, cursor: page.cursor === undefined ? null : sealCursor(listing, page.cursor) };
}
