import type { NameDocument, StreamDocument } from '@message-vault/metadata';
import { type Request, Router } from 'express';
import type { EventStreams } from '../events/event-streams.ts';
import { authorize, type HttpContext, nameExchangeOf } from '../exchange.ts';
import type { AccessQuestion } from '../options.ts';
import { HttpProblem } from '../problems.ts';
import { EVENT_STREAM, READ_TYPES, readFormat } from '../read/formats.ts';
import { parseReadRequest, readMessages } from '../read/read.ts';
import { sendChildren } from './listings.ts';
import { type Handler, methodNotAllowed, resource, sendAllowed } from './resource.ts';
import { sendAccess, sendPolicy, sendStats, sendStatsAsHeaders } from './stream-info.ts';

/** `/{name}` and what is below `/{name}/-/`, but for publishing, which is dispatched before Express. */
export function nameRoutes(context: HttpContext, events: EventStreams): Router {
  const router = Router({ caseSensitive: true, strict: true });
  const opened = (req: Request, route: string, action: AccessQuestion['action']) =>
    openName(context, req, route, action);
  resource(router, '/*name/-/stats', {
    GET: async (req) => {
      const { exchange, stream } = await opened(req, 'stats', 'read');
      await sendStats(context, exchange, stream());
    },
  });
  resource(router, '/*name/-/access', {
    GET: async (req) => {
      const { exchange, stream } = await opened(req, 'access', 'read');
      await sendAccess(context, exchange, stream());
    },
  });
  resource(router, '/*name/-/policy', {
    GET: async (req) => {
      const { exchange, stream } = await opened(req, 'policy', 'read');
      sendPolicy(exchange, stream());
    },
  });
  resource(router, '/*name/-/children', {
    GET: async (req) => {
      const { exchange, target } = await opened(req, 'children', 'discover');
      await sendChildren(context, exchange, target.name, target.query);
    },
  });
  otherRoles(context, router);
  messages(context, router, events);
  return router;
}

function messages(context: HttpContext, router: Router, events: EventStreams): void {
  resource(router, '/*name', {
    GET: async (req) => {
      const { exchange, target, stream } = await openName(context, req, 'read', 'read');
      const accepted = req.accepts([...READ_TYPES]);
      if (accepted === EVENT_STREAM) {
        exchange.route = 'events';
        return await events.serve(exchange, stream(), target.query);
      }
      const format = accepted === false ? undefined : readFormat(accepted);
      if (format === undefined) {
        throw new HttpProblem('not_acceptable', `expected one of ${READ_TYPES.join(', ')}`, {
          allowed: READ_TYPES,
        });
      }
      const request = parseReadRequest(context, target.query);
      exchange.longLived = request.waitMs > 0;
      await readMessages(context, exchange, stream(), { request, format });
    },
    HEAD: async (req) => {
      const { exchange, stream } = await openName(context, req, 'head', 'read');
      await sendStatsAsHeaders(context, exchange, stream());
    },
    // Never reached: here for the sake of Allow.
    POST: (req) => {
      throw methodNotAllowed(req.method, ['GET', 'HEAD', 'POST']);
    },
  });
}

/** What belongs to roles a name here does not have, and what belongs to none. */
function otherRoles(context: HttpContext, router: Router): void {
  const refuse: Handler = async (req, res) => {
    if (req.method === 'OPTIONS') return sendAllowed(res, ['OPTIONS']);
    const { target, known } = await openName(context, req, 'other_role', 'read');
    const { name, role } = known();
    throw new HttpProblem(
      'wrong_role',
      `${name} is a ${role}, and a ${role} has no ${JSON.stringify(target.subordinate)}`,
    );
  };
  for (const path of ['head', 'locks', 'locks/:id', 'subscriptions', 'subscriptions/:id']) {
    router.all(`/*name/-/${path}`, refuse);
  }
  router.all('/*name/-/*rest', (req) => {
    const { exchange, target } = nameExchangeOf(req);
    exchange.route = 'unknown';
    throw new HttpProblem('no_such_resource', `a name has no ${JSON.stringify(target.subordinate)}`);
  });
}

async function openName(context: HttpContext, req: Request, route: string, action: AccessQuestion['action']) {
  const { exchange, target } = nameExchangeOf(req);
  exchange.route = route;
  await authorize(context, exchange, { action, name: target.name });
  const document = await context.ports.lookup(target.name);
  const known = (): NameDocument => {
    if (document !== undefined) return document;
    throw new HttpProblem('no_such_name', `${target.name} has no role: publish to it to make it a stream`);
  };
  const stream = (): StreamDocument => streamOf(known());
  return { exchange, target, known, stream };
}

function streamOf(document: NameDocument): StreamDocument {
  if (document.role === 'stream') return document;
  throw new HttpProblem('wrong_role', `${document.name} is a ${document.role}, not a stream`);
}
