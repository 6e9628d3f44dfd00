import { type Request, Router } from 'express';
import { sendJson, sendProblem, sendText } from '../answer.ts';
import type { BodyReader } from '../body.ts';
import { authorize, type Exchange, exchangeOf, type HttpContext } from '../exchange.ts';
import { forward } from '../forward.ts';
import { parseJson } from '../json.ts';
import type { AccessQuestion } from '../options.ts';
import type { NodeStatus } from '../ports.ts';
import { HttpProblem } from '../problems.ts';
import { Query } from '../query.ts';
import { sendNames } from './listings.ts';
import { resource } from './resource.ts';
import { rootJson, rootPage } from './root.ts';

/** `/` and `/-/…`. */
export function nodeRoutes(context: HttpContext, bodies: BodyReader): Router {
  const router = Router({ caseSensitive: true, strict: true });
  root(context, router);
  health(context, router);
  cluster(context, router, bodies);
  neighbours(context, router, bodies);
  resource(router, '/-/metrics', {
    GET: async (req) => {
      const exchange = await openNode(context, req, 'metrics', 'observe');
      const text = await context.ports.metricsText();
      sendText(exchange, 200, context.options.metrics.contentType, text);
    },
  });
  resource(router, '/-/names', {
    GET: async (req) => {
      const exchange = await openNode(context, req, 'names', 'discover');
      await sendNames(context, exchange, exchangeOf(req).target.query);
    },
  });
  return router;
}

function root(context: HttpContext, router: Router): void {
  resource(router, '/', {
    GET: async (req, res) => {
      const exchange = await openNode(context, req, 'root', 'observe');
      res.setHeader('Vary', 'Accept');
      if (req.accepts(['application/json', 'text/html']) !== 'text/html') {
        return sendJson(exchange, 200, JSON.stringify(rootJson(context)));
      }
      res.setHeader('Content-Security-Policy', "default-src 'none'; style-src 'unsafe-inline'");
      sendText(exchange, 200, 'text/html; charset=utf-8', rootPage(context));
    },
  });
}

/** Asked by probes several times a second, and never refused by `authorize`. */
function health(context: HttpContext, router: Router): void {
  const { ports } = context;
  resource(router, '/-/health/live', {
    GET: (req) => {
      const exchange = opened(req, 'live');
      if (!ports.live()) return sendNotReady(context, exchange, 'this process can not be trusted any more');
      sendJson(exchange, 200, JSON.stringify({ live: true, nodeId: ports.status().nodeId }));
    },
  });
  resource(router, '/-/health/ready', {
    GET: (req) => {
      const exchange = opened(req, 'ready');
      const { ready, reason } = ports.ready();
      if (!ready) return sendNotReady(context, exchange, reason ?? 'no reason is known');
      sendJson(exchange, 200, JSON.stringify({ ready, ...inOneGlance(ports.status()) }));
    },
  });
}

function inOneGlance({ nodeId, instanceId, role, epoch, leader }: NodeStatus) {
  return { nodeId, instanceId, role, epoch, since: leader?.since };
}

/** A problem that also says what the healthy answer says: probes read both alike. */
function sendNotReady(context: HttpContext, exchange: Exchange, reason: string): void {
  const glance = inOneGlance(context.ports.status());
  const problem = new HttpProblem('not_ready', reason, { retryAfter: 1 });
  sendProblem(exchange, problem, { ready: false, ...glance, reason });
}

function cluster(context: HttpContext, router: Router, bodies: BodyReader): void {
  const { ports } = context;
  resource(router, '/-/cluster', {
    GET: async (req) => {
      const exchange = await openNode(context, req, 'cluster', 'observe');
      sendJson(exchange, 200, JSON.stringify(await ports.cluster()));
    },
  });
  resource(router, '/-/cluster/handover', {
    POST: async (req) => {
      const exchange = await openNode(context, req, 'handover', 'manage');
      if (!ports.status().takesWrites)
        return await forward(context, exchange, exchangeOf(req).target.url, bodies);
      const result = await ports.handover();
      if (!result.done) throw new HttpProblem('not_possible', result.reason);
      const { nodeId, url, epoch, since } = result.leader;
      sendJson(exchange, 200, JSON.stringify({ leader: { nodeId, url, epoch, since } }));
    },
  });
}

/** What nodes ask and tell each other. Hints change nothing by themselves, so they need no more rights than looking does. */
function neighbours(context: HttpContext, router: Router, bodies: BodyReader): void {
  const { ports } = context;
  resource(router, '/-/cluster/hint', {
    POST: async (req) => {
      const exchange = await openNode(context, req, 'hint', 'observe');
      const body = await bodies.read(exchange);
      try {
        const useful = await ports.clusterHint(parseJson(body.bytes, 'bad_body').json);
        sendJson(exchange, useful ? 200 : 409, JSON.stringify({ useful }));
      } finally {
        body.release();
      }
    },
  });
  resource(router, '/-/cluster/witness', {
    GET: async (req) => {
      const exchange = await openNode(context, req, 'witness', 'observe');
      const url = new Query(exchangeOf(req).target.query).text('url');
      if (url === undefined)
        throw new HttpProblem('bad_parameter', 'expected ?url= with the address of the leader');
      sendJson(exchange, 200, JSON.stringify({ reachable: await ports.witness(url) }));
    },
  });
}

function opened(req: Request, route: string): Exchange {
  const { exchange } = exchangeOf(req);
  exchange.route = route;
  exchange.res.setHeader('Cache-Control', 'no-store');
  return exchange;
}

async function openNode(
  context: HttpContext,
  req: Request,
  route: string,
  action: AccessQuestion['action'],
): Promise<Exchange> {
  const exchange = opened(req, route);
  await authorize(context, exchange, { action, name: undefined });
  return exchange;
}
