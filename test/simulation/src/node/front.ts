import { type BatchHeader, checkBatch, FramingError } from '@message-vault/framing';
import { type HandoverResult, HttpProblem, type NodePorts, PROBLEMS, problemOf } from '@message-vault/http';
import { type AppendResult, isLogError, type Position, type StreamReader } from '@message-vault/log';
import { BusFront } from '../bus/front.ts';
import { NetError, type NetRequest, type NetResponse } from '../network/exchange.ts';

/** What the front needs to know besides the node. */
export interface FrontOptions {
  readonly ports: NodePorts;
  /** This node has answered a producer that its batch is stored. */
  readonly acknowledged: (name: string, result: AppendResult) => void;
  /** A handover that was asked for begins; what is answered is called at its end. */
  readonly handsOver: () => () => void;
  /** A request failed in a way nobody expects. */
  readonly bug: (error: unknown) => void;
  /** When that will be for somebody who knows this node's wall clock, and counts from now on by a right one; virtual milliseconds. */
  readonly virtualTimeOf: (wallMs: number) => number;
}

const FORWARDED = 'vault-forwarded';
const MAX_HOPS = 3;
const EMPTY = new Uint8Array();

/** The HTTP interface of a node without HTTP: the requests clients and nodes make of each other, over the node's ports. */
export class Front {
  readonly #options: FrontOptions;
  readonly #bus: BusFront;

  constructor(options: FrontOptions) {
    this.#options = options;
    const { ports, virtualTimeOf } = options;
    const forward = (request: NetRequest, signal: AbortSignal) => this.#forward(request, signal);
    this.#bus = new BusFront({ ports, virtualTimeOf, forward });
  }

  /** Never rejects. */
  async serve(request: NetRequest, signal: AbortSignal): Promise<NetResponse> {
    try {
      return this.#signed(await this.#route(request, signal));
    } catch (error) {
      return this.#signed(this.#problem(error, signal));
    }
  }

  #route(request: NetRequest, signal: AbortSignal): NetResponse | Promise<NetResponse> {
    const [path = '', query = ''] = request.path.split('?', 2);
    const key = `${request.method} ${path}`;
    const { ports } = this.#options;
    switch (key) {
      case 'GET /-/health/ready':
        return this.#health();
      case 'GET /-/cluster':
        return Promise.resolve(ports.cluster()).then((view) => json(200, view));
      case 'POST /-/cluster/hint':
        return ports.clusterHint(parsed(request)).then((useful) => json(useful ? 200 : 409, { useful }));
      case 'GET /-/cluster/witness':
        return ports
          .witness(new URLSearchParams(query).get('url') ?? '')
          .then((reachable) => json(200, { reachable }));
      case 'POST /-/cluster/handover':
        return this.#handover(request, signal);
      default:
        return (
          this.#bus.serve(request, signal) ?? this.#stream(request, path, new URLSearchParams(query), signal)
        );
    }
  }

  #stream(
    request: NetRequest,
    path: string,
    query: URLSearchParams,
    signal: AbortSignal,
  ): Promise<NetResponse> {
    if (request.method === 'POST') return this.#publish(path.slice(1), request, signal);
    if (path.endsWith('/-/stats')) return this.#stats(path.slice(1, -'/-/stats'.length), signal);
    return this.#read(path.slice(1), query, signal);
  }

  #health(): NetResponse {
    const { ready, reason } = this.#options.ports.ready();
    const { nodeId, instanceId, role, epoch } = this.#options.ports.status();
    return json(ready ? 200 : 503, { ready, nodeId, instanceId, role, epoch, reason });
  }

  async #handover(request: NetRequest, signal: AbortSignal): Promise<NetResponse> {
    const { ports } = this.#options;
    if (!ports.status().takesWrites) return this.#forward(request, signal);
    const ended = this.#options.handsOver();
    const result: HandoverResult = await ports.handover().finally(ended);
    if (!result.done) throw new HttpProblem('not_possible', result.reason);
    return json(200, { leader: result.leader });
  }

  async #publish(name: string, request: NetRequest, signal: AbortSignal): Promise<NetResponse> {
    const { ports } = this.#options;
    if (!ports.status().takesWrites) return this.#forward(request, signal);
    const batch = request.body ?? EMPTY;
    const expected = request.headers['expected-sequence-number'];
    const expectedSequenceNumber = expected === undefined ? undefined : Number(expected);
    try {
      const header = checked(batch);
      const result = await ports.publish({ name, batch, header, expectedSequenceNumber });
      this.#options.acknowledged(name, result);
      const { duplicate, ...answer } = result;
      return json(duplicate ? 200 : 201, { stream: name, ...answer });
    } catch (error) {
      if (!isLogError(error, 'not_leader')) throw error;
      return this.#forward(request, signal);
    }
  }

  async #forward(request: NetRequest, signal: AbortSignal): Promise<NetResponse> {
    const { ports } = this.#options;
    const { nodeId } = ports.status();
    const hops = (request.headers[FORWARDED] ?? '').split(', ').filter((hop) => hop !== '');
    if (hops.includes(nodeId) || hops.length >= MAX_HOPS)
      throw new HttpProblem(
        'no_leader',
        `the request came through ${hops.join(', ')} and none of them leads`,
      );
    const headers = { ...request.headers, [FORWARDED]: [...hops, nodeId].join(', ') };
    const { method, path, body = EMPTY } = request;
    const answer = await ports.forward({ method, path, headers, body, signal });
    const chunks: Uint8Array[] = [];
    for await (const chunk of answer.body) chunks.push(chunk);
    const given = Object.entries(answer.headers).map(([header, value]) => [header, String(value)]);
    return { status: answer.status, headers: Object.fromEntries(given), body: Buffer.concat(chunks) };
  }

  async #stats(name: string, signal: AbortSignal): Promise<NetResponse> {
    return this.#withReader(name, async (reader) => {
      const bounds = await reader.bounds(signal);
      return json(200, { stream: name, ...bounds });
    });
  }

  async #read(name: string, query: URLSearchParams, signal: AbortSignal): Promise<NetResponse> {
    const maxBytes = Number(query.get('maxBytes') ?? 4 * 1024 * 1024);
    const timeoutMs = Number(query.get('wait') ?? 0) * 1000;
    return this.#withReader(name, async (reader) => {
      const from = await reader.resolve(positionOf(query.get('from')), signal);
      let range = await reader.read({ from, maxBytes, signal });
      if (range.commits.length === 0 && timeoutMs > 0) {
        const grew = await reader.waitForGrowth(range.nextOffset, { timeoutMs, signal });
        if (grew) range = await reader.read({ from: range.nextOffset, maxBytes, signal });
      }
      const headers = {
        'content-type': 'application/vnd.message-vault.commits',
        'next-offset': String(range.nextOffset),
        'up-to-date': String(range.upToDate),
      };
      return { status: 200, headers, body: Buffer.concat(range.commits.map((commit) => commit.bytes)) };
    });
  }

  async #withReader(name: string, use: (reader: StreamReader) => Promise<NetResponse>): Promise<NetResponse> {
    const { ports } = this.#options;
    const document = await ports.lookup(name);
    if (document?.role !== 'stream') throw new HttpProblem('no_such_name', `${name} has no role`);
    const { reader, release } = ports.acquireReader(document);
    try {
      return await use(reader);
    } finally {
      release();
    }
  }

  #problem(error: unknown, signal: AbortSignal): NetResponse {
    const problem = problemOf(error);
    if (problem === undefined && !signal.aborted && !(error instanceof NetError)) this.#options.bug(error);
    const code = problem?.code ?? 'internal_error';
    const { status, title } = PROBLEMS[code];
    const leader = status === 503 ? this.#options.ports.status().leader?.url : undefined;
    const { retryAfter } = problem?.recovery ?? {};
    const extra: Record<string, string> =
      retryAfter === undefined ? {} : { 'retry-after': String(Math.ceil(retryAfter)) };
    const body = { title, status, code, detail: problem?.message, leader, ...problem?.recovery };
    const answer = json(status, body);
    return {
      ...answer,
      headers: { ...answer.headers, ...extra, 'content-type': 'application/problem+json' },
    };
  }

  /** Every answer says who gave it and who leads. */
  #signed(response: NetResponse): NetResponse {
    const { nodeId, role, epoch, leader } = this.#options.ports.status();
    const own = { 'vault-node': nodeId, 'vault-role': role, 'vault-epoch': String(epoch) };
    const headers = { ...own, ...(leader && { 'vault-leader': leader.url }), ...response.headers };
    return { ...response, headers };
  }
}

function checked(batch: Uint8Array): BatchHeader {
  try {
    return checkBatch(batch);
  } catch (error) {
    if (error instanceof FramingError)
      throw new HttpProblem('bad_batch', error.message, {}, { cause: error });
    throw error;
  }
}

function positionOf(from: string | null): Position {
  if (from === null || from === 'earliest') return { at: 'earliest' };
  if (from === 'latest') return { at: 'latest' };
  if (from.startsWith('seq:')) return { sequenceNumber: Number(from.slice(4)) };
  if (from.startsWith('time:')) return { timestamp: Number(from.slice(5)) };
  return { offset: Number(from) };
}

function parsed(request: NetRequest): unknown {
  return JSON.parse(Buffer.from(request.body ?? EMPTY).toString('utf8'));
}

function json(status: number, value: unknown): NetResponse {
  const headers = { 'content-type': 'application/json' };
  return { status, headers, body: Buffer.from(JSON.stringify(value)) };
}
