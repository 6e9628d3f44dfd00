import { parseNamePrefix } from '@message-vault/metadata';
import { sendJson } from '../answer.ts';
import type { Exchange, HttpContext } from '../exchange.ts';
import type { NamePage, PageRequest } from '../ports.ts';
import { Query } from '../query.ts';
import { openCursor, sealCursor } from './cursor.ts';

/** `GET /-/names`: names with their roles, a page at a time. */
export async function sendNames(context: HttpContext, exchange: Exchange, query: string): Promise<void> {
  const parameters = new Query(query);
  const prefix = parseNamePrefix(parameters.text('prefix') ?? '');
  const listing = `names ${prefix}`;
  const page = await context.ports.listNames(prefix, pageOf(context, parameters, listing));
  sendJson(exchange, 200, JSON.stringify(pageJson(page, listing)));
}

/** `GET /{name}/-/children`: names directly below. */
export async function sendChildren(
  context: HttpContext,
  exchange: Exchange,
  name: string,
  query: string,
): Promise<void> {
  const listing = `children ${name}`;
  const page = await context.ports.listChildren(name, pageOf(context, new Query(query), listing));
  const { names, cursor } = pageJson(page, listing);
  sendJson(exchange, 200, JSON.stringify({ name, children: names, cursor }));
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
