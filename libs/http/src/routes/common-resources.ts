import { accessOf, authorize } from '../exchange.ts';
import { changePolicy, readPolicy, removeRole } from '../names/policies.ts';
import type { ByMethod } from '../roles.ts';
import { sendChildren } from './listings.ts';
import { allowedMethods, entryFor, refuseMethod } from './methods.ts';
import type { OpenRequest } from './role-table.ts';

type CommonHandler = (request: OpenRequest) => Promise<void>;
type CommonMethods = ByMethod<CommonHandler>;

/** What every name has, whatever its role and though it has none. */
const COMMON: ReadonlyMap<string, CommonMethods> = new Map<string, CommonMethods>([
  ['policy', { GET: readPolicy, PUT: changePolicy, DELETE: removeRole }],
  ['children', { GET: listChildren }],
]);

/** Undefined when `subordinate` is not common to all roles. */
export function commonResource(subordinate: string): CommonHandler | undefined {
  const methods = COMMON.get(subordinate);
  if (methods === undefined) return undefined;
  return async (request) => {
    const { exchange } = request;
    exchange.route = subordinate;
    const handle = entryFor(methods, exchange.req.method ?? 'GET');
    if (handle === undefined) refuseMethod(exchange, allowedMethods(methods));
    else await handle(request);
  };
}

async function listChildren({ context, exchange, target }: OpenRequest): Promise<void> {
  const document = await context.ports.lookup(target.name);
  await authorize(context, exchange, { action: 'discover', name: target.name, ...accessOf(document) });
  await sendChildren(context, exchange, target.name, target.query);
}
