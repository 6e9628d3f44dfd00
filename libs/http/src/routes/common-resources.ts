import { accessOf, authorize } from '../exchange.ts';
import { changePolicy, readPolicy, removeRole } from '../names/policies.ts';
import type { RoleMethod } from '../roles.ts';
import { sendChildren } from './listings.ts';
import { methodNotAllowed, sendAllowed } from './resource.ts';
import type { OpenRequest } from './role-table.ts';

type CommonHandler = (request: OpenRequest) => Promise<void>;
type CommonMethods = Readonly<Partial<Record<RoleMethod, CommonHandler>>>;

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
    const { method = 'GET' } = exchange.req;
    exchange.route = subordinate;
    const [, handle] =
      Object.entries(methods).find(([each]) => each === (method === 'HEAD' ? 'GET' : method)) ?? [];
    if (handle !== undefined) return await handle(request);
    const allowed = allowedMethods(methods);
    if (method !== 'OPTIONS') throw methodNotAllowed(method, allowed);
    sendAllowed(exchange.res, allowed);
  };
}

function allowedMethods(methods: CommonMethods): string[] {
  return [...Object.keys(methods), 'HEAD', 'OPTIONS'].sort();
}

async function listChildren({ context, exchange, target }: OpenRequest): Promise<void> {
  const document = await context.ports.lookup(target.name);
  await authorize(context, exchange, { action: 'discover', name: target.name, ...accessOf(document) });
  await sendChildren(context, exchange, target.name, target.query);
}
