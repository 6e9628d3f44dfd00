import { SeededRandom } from '@message-vault/runtime/testing';
import type { Fault } from '../faults/fault.ts';
import type { Setup } from '../run/setup.ts';
import { LABEL_HEADER, LABELS } from '../workload/messages.ts';
import { busSetupOf, consumerOf } from './draw.ts';
import type { BusSetup, FilterSetup, PoliciesSetup, SenderSetup } from './setup.ts';

/** How many targets have a filter: a share. */
const FILTERED = 0.5;
/** How many runs have a queue with a limit: a share. */
const WITH_TRAY = 0.6;
/** How many have a subscription that expires: a share. */
const WITH_EXPIRY = 0.5;
/** How many have routers with a limit, and how many routers have one then: shares. */
const WITH_LIMITS = 0.6;
const LIMITED = 0.7;
/** How many have messages too large for what a storage queue holds, and how many of the messages are, at the most: shares. */
const WITH_LARGE = 0.5;
const LARGE = [0.03, 0.1, 0.3] as const;
/** How many of those without times to live have clocks that jump: a share; and by how much they do. */
const WITH_JUMPS = 0.7;
const DAY_MS = 24 * 3_600_000;
const JUMPS_MS = [DAY_MS, DAY_MS, -DAY_MS, 3_600_000, -3_600_000, 5000, -5000] as const;

/** The run a seed makes of policies: that of the bus, with what policies and subscriptions can say besides. */
export function policiesSetupOf(seed: number): Setup {
  const plain = busSetupOf(seed);
  const { bus } = plain;
  if (bus === undefined) return plain;
  const random = new SeededRandom(seed ^ 0x9011c);
  const made = {
    ...plain,
    producers: plain.producers.map((producer) => ({ ...producer, labelled: true })),
    bus: { ...withFailures(random, bus), policies: policiesOf(random, bus) },
  };
  const drawn = random.chance(WITH_TRAY) ? withTray(random, made) : made;
  // Of a generator of its own, as runs of policies are among those of the bus.
  const ends = new SeededRandom(seed ^ 0xe11d);
  const ended = ends.chance(WITH_EXPIRY) ? withExpiry(ends, drawn) : drawn;
  const limits = new SeededRandom(seed ^ 0x11317);
  const limited = limits.chance(WITH_LIMITS) ? withLimits(limits, ended) : ended;
  const bodies = new SeededRandom(seed ^ 0xb0d1e);
  const apart = bodies.chance(WITH_LARGE) ? withLarge(bodies, limited) : limited;
  const clocks = new SeededRandom(seed ^ 0xc10c);
  return clocks.chance(WITH_JUMPS) ? withJumps(clocks, apart) : apart;
}

/** Clocks of nodes go forward and back, where nothing is to expire. */
function withJumps(random: SeededRandom, plain: Setup): Setup {
  const { policies, settledMs = 0 } = plain.bus ?? {};
  if (policies === undefined || policies.expiry !== undefined || policies.senders.length > 0) return plain;
  const spanMs = plain.calmAtMs - settledMs;
  const jumps = Array.from({ length: 1 + random.below(4) }, (): Fault => {
    const victim = random.pick(['leader', 'leader', 'standby', random.pick(plain.nodes).name]);
    const byMs = random.pick(JUMPS_MS);
    return { atMs: Math.round(spanMs * random.next()), kind: 'clockJump', victim, byMs };
  });
  return { ...plain, faults: [...plain.faults, ...jumps].sort((a, b) => a.atMs - b.atMs) };
}

/** Longer than between the body and the message that refers to it, whatever stands still or comes late. */
const ORPHANED_AFTER_MS = 1000;

/** Bodies nothing refers to are removed within the run. */
function withLarge(random: SeededRandom, plain: Setup): Setup {
  const { bus } = plain;
  if (bus?.policies === undefined) return plain;
  const large = random.pick(LARGE);
  const orphanAgeMs = plain.calmAtMs - bus.settledMs + ORPHANED_AFTER_MS;
  const senders = bus.policies.senders.map((sender) => ({ ...sender, large }));
  return {
    ...plain,
    producers: plain.producers.map((producer) => ({ ...producer, large })),
    nodes: plain.nodes.map((node) => ({ ...node, queueLimits: { orphanAgeMs } })),
    bus: { ...bus, policies: { ...bus.policies, senders } },
  };
}

/** Of the largest limit nobody ever gets near: there nothing may be refused or left out. */
function withLimits(random: SeededRandom, plain: Setup): Setup {
  const { bus } = plain;
  if (bus?.policies === undefined) return plain;
  const limited = bus.routers.filter(() => random.chance(LIMITED));
  const routerLimits = limited.map(({ name: router }) => ({
    router,
    messages: random.pick([3, 10, 30, 10_000]),
    overflow: random.pick(['reject', 'discard-incoming', 'discard-existing'] as const),
  }));
  return { ...plain, bus: { ...bus, policies: { ...bus.policies, routerLimits } } };
}

const FLEETING = 'fleeting';

/** One more webhook, behind either router, that is subscribed for a while only. Clocks are right there. */
function withExpiry(random: SeededRandom, plain: Setup): Setup {
  const { bus } = plain;
  if (bus?.policies === undefined) return plain;
  const { name: router } = random.pick(bus.routers);
  const atMs = Math.round(bus.settledMs + random.next() * (plain.calmAtMs - bus.settledMs));
  const sink = {
    name: FLEETING,
    refuse: random.pick([0, 0.1, 0.5]),
    hang: 0,
    mostWorkMs: random.pick([5, 50, 400]),
  };
  return {
    ...withRightClocks(plain),
    bus: {
      ...bus,
      routers: bus.routers.map((each) =>
        each.name === router ? { ...each, targets: [...each.targets, FLEETING] } : each,
      ),
      sinks: [...bus.sinks, sink],
      policies: { ...bus.policies, expiry: { router, target: FLEETING, atMs } },
    },
  };
}

function withRightClocks(plain: Setup): Setup {
  return {
    ...plain,
    nodes: plain.nodes.map((node) => ({ ...node, clockRate: 1 })),
    faults: plain.faults.filter((fault) => !isOfClocks(fault)),
  };
}

const TRAY = 'tray';

/**
 * A queue with a limit, and messages in it that live for a while only. Clocks are right there, and none stands still: what
 * expires does so by the clocks of nodes, and counts are as old as they say.
 */
function withTray(random: SeededRandom, plain: Setup): Setup {
  const { bus } = plain;
  if (bus?.policies === undefined) return plain;
  const senders = ['q1', 'q2'].map((name) => senderOf(random, name));
  const limit = {
    messages: random.pick([2, 5, 15]),
    overflow: random.pick(['reject', 'discard-incoming', 'discard-existing'] as const),
    maxMessageSize: random.pick([1000, 4_000_000]),
  };
  const tray = { name: TRAY, lockSeconds: random.pick([1, 2]), maxDequeueRetries: 20, limit };
  const consumers = [1, 2].map((number) => ({
    ...consumerOf(random, `${TRAY}-${number}`, TRAY),
    mostWorkMs: random.pick([50, 400, 1000]),
  }));
  return {
    ...withRightClocks(plain),
    bus: {
      ...bus,
      queues: [...bus.queues, tray],
      consumers: [...bus.consumers, ...consumers],
      policies: { ...bus.policies, senders },
    },
  };
}

function isOfClocks(fault: Fault): boolean {
  if (fault.kind === 'ambush') return fault.ambush.act === 'suspend';
  return fault.kind === 'clockJump' || fault.kind === 'suspend';
}

function senderOf(random: SeededRandom, name: string): SenderSetup {
  return {
    name,
    queue: TRAY,
    pauseMs: random.pick([50, 200, 500]),
    mostMessages: random.pick([1, 3]),
    ttlsMs: random.pick([[0], [0, 400, 1500], [200]]),
  };
}

function policiesOf(random: SeededRandom, bus: BusSetup): PoliciesSetup {
  return {
    filters: filtersOf(random, bus),
    redriveEveryMs: random.pick([100, 300, 1000]),
    pushDeliveryRetries: random.pick([0, 1, 10]),
    senders: [],
  };
}

/** There are to be dead letters. */
function withFailures(random: SeededRandom, bus: BusSetup): BusSetup {
  return {
    ...bus,
    consumers: bus.consumers.map((consumer) => ({ ...consumer, bury: random.pick([0.1, 0.3, 0.6]) })),
    sinks: bus.sinks.map((sink) => ({ ...sink, refuse: random.pick([0.05, 0.2, 0.5]) })),
  };
}

/**
 * What only a listener wants who is away for long is passed over. So where there are some, the others have no filter: one of
 * them wants all there is.
 */
function filtersOf(random: SeededRandom, { routers, listeners }: BusSetup): FilterSetup[] {
  const away = new Set(listeners.map(({ name }) => name));
  return routers.flatMap(({ name: router, targets }) => {
    const wanting = targets.some((target) => away.has(target))
      ? targets.filter((target) => away.has(target) && targets.some((other) => !away.has(other)))
      : targets;
    const filtered = wanting.filter(() => random.chance(FILTERED));
    return filtered.map((target) => ({ router, target, ...filterOf(random) }));
  });
}

/** Half of all labels, or a little more or less, in one of several ways to say it. */
function filterOf(random: SeededRandom): Pick<FilterSetup, 'text' | 'labels'> {
  const labels = LABELS.filter(() => random.chance(0.6));
  return { labels, text: random.pick(PHRASINGS)(labels) };
}

const HEADER = `header('${LABEL_HEADER}')`;

type Phrase = (labels: readonly string[]) => string;

const listed: Phrase = (labels) => {
  const named = labels.filter((label) => label !== '');
  const conditions = [
    ...(named.length === 0 ? [] : [`${HEADER} in (${named.map((label) => `'${label}'`).join(', ')})`]),
    ...(labels.includes('') ? [`not exists(${HEADER})`] : []),
  ];
  return conditions.length === 0 ? 'false' : conditions.join(' or ');
};

/** By what it leaves out. */
const excluded: Phrase = (labels) => `not (${listed(LABELS.filter((label) => !labels.includes(label)))})`;

const oneByOne: Phrase = (labels) => {
  const conditions = labels.map((label) =>
    label === '' ? `not exists(${HEADER})` : `${HEADER} like '${label.slice(0, 2)}*'`,
  );
  return conditions.length === 0 ? `${HEADER} = 'none'` : conditions.join(' or ');
};

const PHRASINGS: readonly Phrase[] = [listed, excluded, oneByOne];
