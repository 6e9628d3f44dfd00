import type { Runtime } from '@message-vault/runtime';
import type { TransportRequest, TransportResponse } from '../../src/transport.ts';
import { ModelStream } from './model-stream.ts';

export interface ModelNode {
  readonly url: string;
  readonly nodeId: string;
  /** The process is there. */
  up: boolean;
  /** Stopped in its tracks: takes connections, answers nothing. */
  frozen: boolean;
  /** What it believes of the leader; a node cut off keeps its belief. */
  believes: { url: string; nodeId: string; epoch: number } | null;
}

/** Nodes that speak the wire contract over one shared log, answering at once. Time and faults are the transport's. */
export class ModelCluster {
  readonly runtime: Runtime;
  readonly nodes: ModelNode[];
  readonly streams = new Map<string, ModelStream>();
  /** Every publish request that reached a node, in order of arrival. */
  readonly arrivals: { url: string; stream: string; bytes: number }[] = [];
  leader: { url: string; nodeId: string; epoch: number } | null = null;
  /** Answers to give instead, by node URL; called for every publish. */
  intercept: ((url: string, request: TransportRequest) => TransportResponse | undefined) | undefined;
  #growth: (() => void)[] = [];

  constructor(runtime: Runtime, urls: readonly string[]) {
    this.runtime = runtime;
    this.nodes = urls.map((url, index) => ({
      url,
      nodeId: `node-${index + 1}`,
      up: true,
      frozen: false,
      believes: null,
    }));
  }

  node(url: string): ModelNode {
    const found = this.nodes.find((node) => node.url === url);
    if (found === undefined) throw new Error(`no node at ${url}`);
    return found;
  }

  stream(name: string): ModelStream {
    const found = this.streams.get(name) ?? new ModelStream();
    this.streams.set(name, found);
    return found;
  }

  /** `url` leads from now on; all that are up and not frozen know. */
  elect(url: string): void {
    const { nodeId } = this.node(url);
    this.leader = { url, nodeId, epoch: (this.leader?.epoch ?? 0) + 1 };
    this.spreadTheWord();
  }

  spreadTheWord(): void {
    for (const node of this.nodes) if (node.up && !node.frozen) node.believes = this.leader;
  }

  /** What the node at `url` answers, now or when there is news. */
  async handle(url: string, request: TransportRequest): Promise<TransportResponse> {
    const [path = '', query = ''] = request.path.split('?');
    const parameters = new URLSearchParams(query);
    if (request.method === 'POST') return this.#publish(url, path.slice(1), request);
    if (path === '/-/health/live') return this.#json(url, 200, { live: true });
    if (path === '/-/cluster')
      return this.#json(url, 200, {
        leader: this.node(url).believes,
        self: { nodeId: this.node(url).nodeId, role: 'standby' },
      });
    if (path.endsWith('/-/stats')) return this.#stats(url, path.slice(1, -'/-/stats'.length));
    return this.#read(url, path.slice(1), parameters);
  }

  problem(
    url: string,
    problem: { status: number; code: string; [member: string]: unknown },
  ): TransportResponse {
    return this.#json(url, problem.status, problem, 'application/problem+json');
  }

  #publish(url: string, name: string, request: TransportRequest): TransportResponse {
    const body = request.body ?? new Uint8Array();
    this.arrivals.push({ url, stream: name, bytes: body.byteLength });
    const instead = this.intercept?.(url, request);
    if (instead !== undefined) return instead;
    if (this.node(url).believes === null) return this.problem(url, { status: 503, code: 'no_leader' });
    // Whoever is not the leader passes it on; a deposed leader is refused by the storage.
    if (this.leader === null || !this.#reachable(this.leader.url))
      return this.problem(url, { status: 503, code: 'leader_unreachable' });
    if (this.node(url).believes?.epoch !== this.leader.epoch)
      return this.problem(url, { status: 503, code: 'not_leader' });
    const expected = request.headers['expected-sequence-number'];
    const appended = this.stream(name).append(
      body,
      this.runtime.now(),
      expected === undefined ? undefined : Number(expected),
    );
    if ('code' in appended) return this.problem(url, appended);
    for (const grown of this.#growth.splice(0)) grown();
    return this.#json(url, appended.duplicate ? 200 : 201, { stream: name, ...appended.answer });
  }

  #reachable(url: string): boolean {
    const node = this.node(url);
    return node.up && !node.frozen;
  }

  #stats(url: string, name: string): TransportResponse {
    const stream = this.streams.get(name);
    if (stream === undefined) return this.problem(url, { status: 404, code: 'no_such_name' });
    const { nextOffset, values } = stream;
    return this.#json(url, 200, {
      stream: name,
      earliestOffset: 0,
      earliestSequenceNumber: 0,
      nextOffset,
      nextSequenceNumber: values.length,
      bytes: 0,
    });
  }

  async #read(url: string, name: string, parameters: URLSearchParams): Promise<TransportResponse> {
    const stream = this.streams.get(name);
    if (stream === undefined) return this.problem(url, { status: 404, code: 'no_such_name' });
    const offset = this.#offset(stream, parameters.get('from') ?? 'earliest');
    const { nextOffset } = stream;
    if (offset > nextOffset)
      return this.problem(url, { status: 416, code: 'offset_out_of_range', earliestOffset: 0, nextOffset });
    const waitMs = Number(parameters.get('wait') ?? 0) * 1000;
    if (offset >= nextOffset && waitMs > 0) {
      await new Promise<void>((resolve) => {
        this.#growth.push(resolve);
        this.runtime.setTimer(waitMs, resolve);
      });
    }
    const read = stream.read(offset, Number(parameters.get('maxBytes') ?? 4 * 1024 * 1024));
    const headers = {
      ...this.#headers(url),
      'content-type': 'application/vnd.message-vault.commits',
      'next-offset': String(read.nextOffset),
    };
    return { status: 200, headers, body: read.body };
  }

  #offset(stream: ModelStream, from: string): number {
    if (from === 'earliest') return 0;
    const sequence = /^seq:(\d+)$/.exec(from)?.[1];
    if (sequence === undefined) return Number(from);
    let before = 0;
    const index = stream.batchSizes.findIndex((size) => {
      before += size;
      return before > Number(sequence);
    });
    return stream.commits[index]?.firstOffset ?? stream.nextOffset;
  }

  #json(url: string, status: number, value: unknown, type = 'application/json'): TransportResponse {
    return {
      status,
      headers: { ...this.#headers(url), 'content-type': type },
      body: Buffer.from(JSON.stringify(value)),
    };
  }

  #headers(url: string): Record<string, string> {
    const { nodeId, believes } = this.node(url);
    return {
      'vault-node': nodeId,
      'vault-epoch': String(believes?.epoch ?? 0),
      'vault-leader': believes?.url ?? 'none',
    };
  }
}
