import { VirtualRuntime } from '@message-vault/runtime/testing';
import { type ClientOptions, createClient } from '../../src/index.ts';
import { ModelCluster } from './model-cluster.ts';
import { type Link, SimulatedTransport } from './simulated-transport.ts';

export const URLS: readonly string[] = ['http://a.test:7001', 'http://b.test:7002', 'http://c.test:7003'];
export const [A = '', B = '', C = ''] = URLS;

/** The real client over a simulated network, in virtual time, with a model of a cluster behind it; node A leads. */
export function setUp(link: Partial<Link> = {}, options: Partial<ClientOptions> = {}) {
  const runtime = new VirtualRuntime();
  const cluster = new ModelCluster(runtime, URLS);
  cluster.elect(A);
  const transport = new SimulatedTransport(runtime, cluster, link);
  const client = createClient({ urls: URLS, runtime, transport, ...options });
  return { runtime, cluster, transport, client };
}
