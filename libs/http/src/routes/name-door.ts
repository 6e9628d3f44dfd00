import type { NameDocument } from '@message-vault/metadata';
import { isStorageError } from '@message-vault/storage';
import type { BodyReader } from '../body.ts';
import type { EventStreams } from '../events/event-streams.ts';
import { accessOf, authorize, type Exchange, type HttpContext } from '../exchange.ts';
import { forward } from '../forward.ts';
import { assignRole, isPolicyType } from '../names/policies.ts';
import { checkTransport } from '../names/protection.ts';
import { HttpProblem } from '../problems.ts';
import { publish } from '../publish/publish.ts';
import { queueResources } from '../queue/resources.ts';
import { metadataResources, relayResources } from '../relay/resources.ts';
import { routerResources } from '../router/resources.ts';
import type { NameTarget } from '../target.ts';
import { commonResource } from './common-resources.ts';
import { methodNotAllowed, refuseMethod, sendAllowed } from './methods.ts';
import { type OpenRequest, Roles } from './role-table.ts';
import { streamResources } from './stream-resources.ts';

/** Everything below a name goes through here: what it does depends on the role the name has. */
export class NameDoor {
  readonly #context: HttpContext;
  readonly #bodies: BodyReader;
  readonly #roles: Roles;

  constructor(context: HttpContext, events: EventStreams, bodies: BodyReader) {
    this.#context = context;
    this.#bodies = bodies;
    this.#roles = new Roles({
      stream: streamResources(events),
      queue: queueResources,
      router: routerResources,
      'connection-point': relayResources,
      metadata: metadataResources,
    });
  }

  /** Answers the request, or throws what it is to be answered with. */
  async serve(exchange: Exchange, target: NameTarget): Promise<void> {
    const request = { context: this.#context, exchange, target, bodies: this.#bodies };
    if (target.subordinate === '' && exchange.req.method === 'POST') return await this.#post(request);
    const common = commonResource(target.subordinate);
    if (common !== undefined) return await common(request);
    if (!this.#roles.anyHas(target.subordinate)) {
      exchange.route = 'unknown';
      throw new HttpProblem('no_such_resource', `a name has no ${JSON.stringify(target.subordinate)}`);
    }
    const document = await this.#context.ports.lookup(target.name);
    if (document === undefined) return await this.#refuseNone(request);
    await this.#serveRole(request, document);
  }

  /** To a stream, or to a name that is going to be one, in as few steps as possible: there are many of these. */
  async #post(request: OpenRequest): Promise<void> {
    const { context, exchange, target, bodies } = request;
    const document = await this.#lookupOrPassOn(request);
    if (document === 'passed_on') return;
    if (document?.role !== 'connection-point' && isPolicyType(exchange.req.headers['content-type']))
      return await this.#postPolicy(request, document);
    if (document !== undefined && document.role !== 'stream') return await this.#serveRole(request, document);
    exchange.route = 'publish';
    if (document !== undefined) checkTransport(context, exchange, document.policy);
    if (context.options.authorize !== undefined)
      await authorize(context, exchange, { action: 'publish', name: target.name, ...accessOf(document) });
    await publish({ context, exchange, target, document, bodies });
  }

  /** The leader knows for sure whether the name is taken. */
  async #postPolicy(request: OpenRequest, document: NameDocument | undefined): Promise<void> {
    const { context, exchange } = request;
    if (document === undefined || !context.ports.status().takesWrites) return await assignRole(request);
    exchange.route = 'policy';
    await authorize(context, exchange, { action: 'manage', name: document.name, ...accessOf(document) });
    throw new HttpProblem('name_taken', `${document.name} already has the role ${document.role}`);
  }

  /** A node that can't reach the storage can still reach the leader, who knows what the name is. */
  async #lookupOrPassOn(request: OpenRequest): Promise<NameDocument | undefined | 'passed_on'> {
    const { context, exchange, target, bodies } = request;
    try {
      return await context.ports.lookup(target.name);
    } catch (error) {
      if (!isStorageError(error) || context.ports.status().takesWrites) throw error;
    }
    await authorize(context, exchange, { action: 'publish', name: target.name });
    await forward(context, exchange, target.url, bodies);
    return 'passed_on';
  }

  async #serveRole(request: OpenRequest, document: NameDocument): Promise<void> {
    const { context, exchange, target, bodies } = request;
    const { method = 'GET' } = exchange.req;
    const answer = this.#roles.answer(document, target.subordinate, method);
    if (answer === undefined) return await this.#refuseRole(request, document);
    exchange.route = answer.route;
    const { entry } = answer;
    if (entry === undefined) return refuseMethod(exchange, answer.allowed);
    checkTransport(context, exchange, document.policy);
    await authorize(context, exchange, { action: entry.action, name: target.name, ...accessOf(document) });
    if (entry.leaderOnly === true && !context.ports.status().takesWrites)
      return await forward(context, exchange, target.url, bodies);
    await answer.handle(request);
  }

  /** Something another role would have. */
  async #refuseRole(request: OpenRequest, document: NameDocument): Promise<void> {
    const { exchange, target } = request;
    const { name, role } = document;
    await this.#openOther(request, document);
    if (exchange.req.method === 'OPTIONS') return sendAllowed(exchange.res, ['OPTIONS']);
    throw new HttpProblem(
      'wrong_role',
      `${name} is a ${role}, and a ${role} has no ${JSON.stringify(target.subordinate)}`,
    );
  }

  async #refuseNone(request: OpenRequest): Promise<void> {
    const { exchange, target } = request;
    const { method = 'GET' } = exchange.req;
    const allowed = this.#roles.allowedOfNone(target.subordinate) ?? ['OPTIONS'];
    if (method === 'OPTIONS') return sendAllowed(exchange.res, allowed);
    if (allowed.length > 1 && !allowed.includes(method)) throw methodNotAllowed(method, allowed);
    await this.#openOther(request, undefined);
    throw new HttpProblem('no_such_name', `${target.name} has no role: publish to it to make it a stream`);
  }

  async #openOther(
    { context, exchange, target }: OpenRequest,
    document: NameDocument | undefined,
  ): Promise<void> {
    exchange.route = 'other_role';
    await authorize(context, exchange, { action: 'read', name: target.name, ...accessOf(document) });
  }
}
