/**
 * The layer rule. Who may import what, between the packages of this workspace:
 *
 *     runtime ← framing ← metadata ← storage ← log ← (election, wakeup) ← bus ← http ← node ← apps
 *
 * and beside the layers `telemetry` (for http, node, apps and tools), `client` (knows how to read a log, but nothing of
 * what runs inside a broker) and `relay-protocol` (what a broker and a client speak with each other: for bus, http and
 * client).
 */

/** For each package of libs/, which others of libs/ its sources may import. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  runtime: [],
  framing: ['runtime'],
  metadata: ['runtime', 'framing'],
  storage: ['runtime', 'framing', 'metadata'],
  log: ['runtime', 'framing', 'metadata', 'storage'],
  election: ['runtime', 'framing', 'metadata', 'storage', 'log'],
  wakeup: ['runtime', 'framing', 'metadata', 'storage', 'log'],
  'relay-protocol': [],
  bus: ['runtime', 'framing', 'metadata', 'storage', 'log', 'election', 'wakeup', 'relay-protocol'],
  http: [
    'runtime',
    'framing',
    'metadata',
    'storage',
    'log',
    'election',
    'wakeup',
    'relay-protocol',
    'bus',
    'telemetry',
  ],
  node: [
    'runtime',
    'framing',
    'metadata',
    'storage',
    'log',
    'election',
    'wakeup',
    'bus',
    'http',
    'telemetry',
  ],
  telemetry: ['runtime'],
  client: ['runtime', 'framing', 'metadata', 'storage', 'log', 'relay-protocol'],
};

/** Sources that get time, randomness and I/O through their parameters, so that a whole cluster runs inside one test. */
const WITHOUT_A_BODY = /^libs\/(framing|metadata|log|election|relay-protocol|bus)\/src\//;
const OUTSIDE_WORLD =
  /^(node:)?(fs|net|http|https|http2|tls|dgram|dns|child_process|cluster|worker_threads|timers|os|process|perf_hooks)(\/|$)|^(undici|express|ioredis|ws)(\/|$)/;

interface Place {
  group: string;
  name: string;
  /** `src`, `test` or `bin`. */
  part: string;
}

/** Why `from` must not import the workspace file `to`, or undefined when it may. Both are paths from the root. */
export function refusal(from: string, to: string, specifier: string): string | undefined {
  const here = placeOf(from);
  const there = placeOf(to);
  const ownPackage = here.group === there.group && here.name === there.name;
  if (here.part !== 'test' && here.group !== 'test' && there.part === 'test')
    return 'sources must not need tests';
  if (ownPackage) return undefined;
  if (specifier.startsWith('.')) return 'another package is imported by its name, through its public door';
  if (there.group === 'apps') return 'apps are started, never imported';
  if (here.group !== 'libs' || here.part === 'test') return undefined;
  return libRefusal(here, there);
}

function libRefusal(here: Place, there: Place): string | undefined {
  if (there.group !== 'libs') return `libraries know nothing of ${there.group}/`;
  const allowed = MAY_IMPORT[here.name];
  if (!allowed) return `libs/${here.name} has no layer yet: give it one in tools/check/src/layers/rules.ts`;
  if (allowed.includes(there.name)) return undefined;
  return `upwards: libs/${here.name} may import of libs/ only ${allowed.join(', ') || 'nothing'}`;
}

/** Why `from` must not import the module `specifier` from outside the workspace, or undefined when it may. */
export function outsideRefusal(from: string, specifier: string): string | undefined {
  if (!WITHOUT_A_BODY.test(from) || !OUTSIDE_WORLD.test(specifier)) return undefined;
  return 'time, randomness and I/O come in through parameters here (a Runtime and ports)';
}

function placeOf(path: string): Place {
  const [group = '', name = '', part = ''] = path.split('/');
  return { group, name, part };
}
