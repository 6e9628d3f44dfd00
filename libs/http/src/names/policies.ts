import { isLogError } from '@message-vault/log';
import { type NameDocument, parsePolicy, withFixedFields } from '@message-vault/metadata';
import { sendNothing } from '../answer.ts';
import { accessOf, authorize } from '../exchange.ts';
import { forward, sendOn } from '../forward.ts';
import { HttpProblem } from '../problems.ts';
import { ATOM_TYPE, POLICY_TYPE, parseMediaType } from '../publish/media-type.ts';
import type { OpenRequest } from '../routes/role-table.ts';
import { inWordsOfAtom } from './atom-words.ts';
import { checkIfMatch, parsePolicyBody, sendPolicy } from './policy-format.ts';

/** More than any policy has. */
const MAX_POLICY_BYTES = 64 * 1024;

/** Whether what is posted to a name without a role is a policy, and not its first message. */
export function isPolicyType(contentType: string | undefined): boolean {
  if (contentType === undefined) return false;
  const [essence = '', ...parameters] = contentType.toLowerCase().split(';');
  if (essence.trim() === POLICY_TYPE) return true;
  return (
    essence.trim() === ATOM_TYPE &&
    parameters.some((parameter) => /^\s*type\s*=\s*"?entry"?\s*$/.test(parameter))
  );
}

/** `POST /{name}` with a policy: 201. */
export async function assignRole(request: OpenRequest): Promise<void> {
  const { context, exchange, target } = request;
  await changing(request, 'policy', async (bytes) => {
    const rolePolicy = parsePolicy(parsePolicyBody(bytes, exchange.req.headers['content-type']));
    const document = await context.ports.names.assign(target.name, rolePolicy);
    exchange.res.setHeader('Location', `/${target.name}/-/policy`);
    sendPolicy(exchange, document, 201);
  });
}

/** `GET /{name}/-/policy` */
export async function readPolicy({ context, exchange, target }: OpenRequest): Promise<void> {
  const document = await context.ports.names.read(target.name);
  await authorize(context, exchange, { action: 'read', name: target.name, ...accessOf(document) });
  sendPolicy(exchange, known(document, target.name), 200);
}

/** `PUT /{name}/-/policy`: what may change is as the body says, or has its default. */
export async function changePolicy(request: OpenRequest): Promise<void> {
  const { context, exchange, target } = request;
  await changing(request, 'policy', async (bytes) => {
    const json = parsePolicyBody(bytes, exchange.req.headers['content-type']);
    const document = await context.ports.names.change(target.name, (now) => {
      checkIfMatch(exchange, now);
      return parsePolicy(withFixedFields(json, now), now.role);
    });
    sendPolicy(exchange, document, 200);
  });
}

/** `DELETE /{name}/-/policy`: 204. */
export async function removeRole(request: OpenRequest): Promise<void> {
  const { context, exchange, target } = request;
  await changing(request, 'policy', async () => {
    await context.ports.names.remove(target.name, (now) => checkIfMatch(exchange, now));
    sendNothing(exchange.res);
  });
}

/** Runs `use` with the body where this node leads; passes the request on where it does not, or does no longer. */
async function changing(
  { context, exchange, target, bodies }: OpenRequest,
  route: string,
  use: (bytes: Uint8Array) => Promise<void>,
): Promise<void> {
  const { ports } = context;
  exchange.route = route;
  const document = await ports.lookup(target.name);
  await authorize(context, exchange, { action: 'manage', name: target.name, ...accessOf(document) });
  if (!ports.status().takesWrites) {
    await forward(context, exchange, target.url, bodies, { bodyLimits: { maxBodyBytes: MAX_POLICY_BYTES } });
    return ports.names.outdate(target.name);
  }
  const body = await bodies.read(exchange, MAX_POLICY_BYTES);
  try {
    await use(body.bytes);
  } catch (error) {
    if (!isLogError(error, 'not_leader')) throw inWordsOf(exchange.req.headers['content-type'], error);
    await sendOn(context, exchange, target.url, body.bytes);
    ports.names.outdate(target.name);
  } finally {
    body.release();
  }
}

/** In those of the body that was sent. */
function inWordsOf(contentType: string | undefined, error: unknown): unknown {
  return parseMediaType(contentType)?.essence === ATOM_TYPE ? inWordsOfAtom(error) : error;
}

function known(document: NameDocument | undefined, name: string): NameDocument {
  if (document !== undefined) return document;
  throw new HttpProblem('no_such_name', `${name} has no role: publish to it to make it a stream`);
}
