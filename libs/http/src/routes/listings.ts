import { parseNamePrefix } from '@message-vault/metadata';
import { sendJson } from '../answer.ts';
import type { Exchange, HttpContext } from '../exchange.ts';
import type { NamePage, PageRequest } from '../ports.ts';
import { Query } from '../query.ts';

/** `GET /-/names`: names with their roles, a page at a time. */
export async function sendNames(context: HttpContext, exchange: Exchange, query: string): Promise<void> {
  const parameters = new Query(query);
  const prefix = parseNamePrefix(parameters.text('prefix') ?? '');
  const page = await context.ports.listNames(prefix, pageOf(context, parameters));
  sendJson(exchange, 200, JSON.stringify(pageJson(page)));
}

/** `GET /{name}/-/children`: names directly below. */
export async function sendChildren(
  context: HttpContext,
  exchange: Exchange,
  name: string,
  query: string,
): Promise<void> {
  const page = await context.ports.listChildren(name, pageOf(context, new Query(query)));
  const { names, cursor } = pageJson(page);
  sendJson(exchange, 200, JSON.stringify({ name, children: names, cursor }));
}

function pageOf(context: HttpContext, parameters: Query): PageRequest {
  const { defaultNames, maxNames } = context.options.limits.read;
  const cursor = parameters.text('cursor');
  return {
    cursor: cursor === '' ? undefined : cursor,
    limit: parameters.bound('limit', maxNames) ?? defaultNames,
  };
}

function pageJson(page: NamePage) {
  const names = page.names.map(({ name, role }) => ({ name, role }));
  return { names, cursor: page.cursor ?? null };
}
