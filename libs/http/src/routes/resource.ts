import type { Request, RequestHandler, Response, Router } from 'express';
import type { ByMethod } from '../roles.ts';
import { allowedMethods, entryFor, refuseMethod } from './methods.ts';

type Handler = (req: Request, res: Response) => void | Promise<void>;

/** Puts a resource at `path`: other methods are answered with 405 and those there are, OPTIONS with those there are. */
export function resource(router: Router, path: string, methods: ByMethod<Handler>): void {
  const allowed = allowedMethods(methods);
  const dispatch: RequestHandler = async (req, res) => {
    const handler = entryFor(methods, req.method);
    if (handler === undefined) refuseMethod({ req, res }, allowed);
    else await handler(req, res);
  };
  router.all(path, dispatch);
}
