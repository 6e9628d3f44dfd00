import type { ServerResponse } from 'node:http';
import { sendNothing } from '../answer.ts';
import type { Exchange } from '../exchange.ts';
import { HttpProblem } from '../problems.ts';
import type { ByMethod, RoleMethod } from '../roles.ts';

const METHODS: readonly string[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] satisfies RoleMethod[];

function isRoleMethod(method: string): method is RoleMethod {
  return METHODS.includes(method);
}

export function entryFor<Entry>(methods: ByMethod<Entry>, method: string): Entry | undefined {
  const own = isRoleMethod(method) ? methods[method] : undefined;
  const asGet = method === 'HEAD' ? methods.GET : undefined;
  return own ?? asGet ?? methods['*'];
}

export function allowedMethods(methods: ByMethod<unknown>): string[] {
  if (methods['*'] !== undefined) return [...METHODS, 'OPTIONS'].sort();
  const allowed: string[] = Object.keys(methods);
  if (methods.GET !== undefined && methods.HEAD === undefined) allowed.push('HEAD');
  return [...allowed, 'OPTIONS'].sort();
}

/** For a method without an entry: answers OPTIONS, and throws `method_not_allowed` for all others. */
export function refuseMethod({ req, res }: Pick<Exchange, 'req' | 'res'>, allowed: readonly string[]): void {
  const { method = 'GET' } = req;
  if (method !== 'OPTIONS') throw methodNotAllowed(method, allowed);
  sendAllowed(res, allowed);
}

/** The answer to OPTIONS. */
export function sendAllowed(res: ServerResponse, allowed: readonly string[]): void {
  res.setHeader('Allow', allowed.join(', '));
  sendNothing(res);
}

export function methodNotAllowed(method: string, allowed: readonly string[]): HttpProblem {
  return new HttpProblem(
    'method_not_allowed',
    `${method} is not for this resource: expected ${allowed.join(', ')}`,
    { allowed },
  );
}
