import type { ServerResponse } from 'node:http';
import type { Request, RequestHandler, Response, Router } from 'express';
import { sendNothing } from '../answer.ts';
import { HttpProblem } from '../problems.ts';

export type Handler = (req: Request, res: Response) => void | Promise<void>;

/** What a resource does, by method. HEAD is GET without the body unless it has a handler of its own. */
export type Methods = Readonly<Partial<Record<'GET' | 'HEAD' | 'POST', Handler>>>;

/** Puts a resource at `path`: other methods are answered with 405 and those there are, OPTIONS with those there are. */
export function resource(router: Router, path: string, methods: Methods): void {
  const allowed = allowedMethods(methods);
  const dispatch: RequestHandler = async (req, res) => {
    const handler = handlerOf(methods, req.method);
    if (handler !== undefined) return await handler(req, res);
    if (req.method !== 'OPTIONS') throw methodNotAllowed(req.method, allowed);
    sendAllowed(res, allowed);
  };
  router.all(path, dispatch);
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

function handlerOf(methods: Methods, method: string): Handler | undefined {
  if (method === 'HEAD') return methods.HEAD ?? methods.GET;
  return method === 'GET' || method === 'POST' ? methods[method] : undefined;
}

function allowedMethods(methods: Methods): string[] {
  const allowed: string[] = Object.keys(methods);
  if (methods.GET !== undefined && methods.HEAD === undefined) allowed.push('HEAD');
  return [...allowed, 'OPTIONS'].sort();
}
