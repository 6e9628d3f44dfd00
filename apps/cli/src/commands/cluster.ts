import { type ClusterInfo, isVaultClientError, type LeaderInfo } from '@message-vault/client';
import {
  type CommandContext,
  type CommandModule,
  type CommonOptions,
  runCommand,
  withCommonOptions,
} from '../context.ts';
import { CommandFailure, EXIT } from '../exit.ts';
import { columns, plural, printable, timeText } from '../text.ts';

/** What one node says of the cluster, or why it says nothing. */
interface NodeReport {
  readonly url: string;
  readonly info: ClusterInfo | undefined;
  readonly error: string | undefined;
}

/** Asked once each: the picture of this moment is wanted, dead nodes included. */
const NODE_TIMEOUT_MS = 2000;

const HELP = `
  mvault cluster             who leads, since when, who stands by, what the probes say
  mvault cluster handover    make another node lead; publishers see a short pause, no error
`;

export const clusterCommand: CommandModule = {
  register(program) {
    const cluster = withCommonOptions(program.command('cluster'))
      .description('who leads, and how the nodes are')
      .addHelpText('after', HELP)
      .action((options: CommonOptions) => runCommand(options, (context) => show(context, options)));
    withCommonOptions(cluster.command('handover'))
      .description('make another node lead')
      .action((_options: CommonOptions, command: { optsWithGlobals(): CommonOptions }) => {
        const options = command.optsWithGlobals();
        return runCommand(options, (context) => handover(context, options));
      });
  },
};

async function show(context: CommandContext, options: CommonOptions): Promise<number> {
  const nodes = await Promise.all(context.urls.map((url) => ask(context, url)));
  const leader = newestLeader(nodes);
  if (nodes.every(({ info }) => info === undefined)) {
    throw new CommandFailure(
      `no node answers: ${nodes.map(({ url, error }) => `${url} (${error})`).join(', ')}`,
    );
  }
  await context.out.answer(options, toJson(leader, nodes), text(leader, nodes));
  // For scripts and probes: a cluster nobody leads takes no writes.
  return leader === null ? EXIT.failure : EXIT.ok;
}

async function ask(context: CommandContext, url: string): Promise<NodeReport> {
  const client = context.client({ urls: [url], giveUpAfterMs: 0, attemptTimeoutMs: NODE_TIMEOUT_MS });
  try {
    return { url, info: await client.cluster({ signal: context.signal }), error: undefined };
  } catch (error) {
    if (!isVaultClientError(error)) throw error;
    return { url, info: undefined, error: error.status === undefined ? 'does not answer' : error.message };
  }
}

function newestLeader(nodes: readonly NodeReport[]): LeaderInfo | null {
  let newest: LeaderInfo | null = null;
  for (const { info } of nodes) {
    if (info?.leader && info.leader.epoch > (newest?.epoch ?? -1)) newest = info.leader;
  }
  return newest;
}

function toJson(leader: LeaderInfo | null, nodes: readonly NodeReport[]) {
  return {
    leader,
    nodes: nodes.map(({ url, info, error }) =>
      info === undefined
        ? { url, answers: false, error }
        : { url, answers: true, ...asObject(info.details.self) },
    ),
  };
}

function text(leader: LeaderInfo | null, nodes: readonly NodeReport[]): string {
  const head =
    leader === null
      ? 'nobody leads\n'
      : `${leader.nodeId} leads (${leader.url}), epoch ${leader.epoch}, since ${timeText(leader.since)}\n`;
  const rows = nodes.map(({ url, info, error }) => {
    if (info === undefined) return ['-', url, 'no answer', error ?? ''];
    const said = [...remarks(asObject(info.details.self)), ...disagreements(info, leader, nodes)];
    return [info.self.nodeId, url, info.self.role, said.join('; ')];
  });
  return `${head}\n${columns([['node', 'url', 'role', 'remarks'], ...rows])}`;
}

/** What a node tells besides its role that an operator should see: readiness, probes, alarms. */
function remarks(self: Readonly<Record<string, unknown>>): string[] {
  const said: string[] = [];
  const readiness = asObject(self.readiness);
  if (readiness.ready === false) said.push(`not ready: ${words(readiness.reason)}`);
  // Only who stands by probes the leader; what others have is from before they changed their role.
  if (self.role === 'standby') said.push(...probeRemarks(self));
  const alarms: unknown = self.alarms;
  for (const alarm of Array.isArray(alarms) ? alarms.map(asObject) : [])
    said.push(`ALARM ${words(alarm.code)}: ${words(alarm.message)}`);
  return said;
}

/** What no node can know by itself: that it and the others were not configured for one cluster. */
function disagreements(info: ClusterInfo, leader: LeaderInfo | null, nodes: readonly NodeReport[]): string[] {
  const said: string[] = [];
  const sees = info.leader;
  if (
    sees &&
    leader &&
    (sees.epoch !== leader.epoch || sees.nodeId !== leader.nodeId || sees.url !== leader.url)
  )
    said.push(
      `sees another leader, ${sees.nodeId} (${sees.url}) of epoch ${sees.epoch}: if that lasts, it has another storage`,
    );
  const instance = instanceOf(info);
  const twins = nodes.filter(
    (node) => node.info?.self.nodeId === info.self.nodeId && instanceOf(node.info) !== instance,
  );
  if (twins.length > 0) said.push(`has the node id of ${twins.map(({ url }) => url).join(', ')}`);
  return said;
}

function instanceOf(info: ClusterInfo): unknown {
  return asObject(info.details.self).instanceId;
}

function probeRemarks({ lastProbe, probesFailed }: Readonly<Record<string, unknown>>): string[] {
  const probe = asObject(lastProbe);
  if (probe.ok === true) return ['reaches the leader'];
  if (probe.ok !== false || typeof probesFailed !== 'number' || probesFailed === 0) return [];
  return [`${plural(probesFailed, 'probe')} in a row failed: ${words(probe.outcome)}`];
}

function words(value: unknown): string {
  return printable(typeof value === 'string' ? value : JSON.stringify(value ?? null));
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

async function handover(context: CommandContext, options: CommonOptions): Promise<number> {
  const leader = await context.client().handover({ signal: context.signal });
  const told =
    leader === undefined
      ? 'handed over\n'
      : `${leader.nodeId} leads now (${leader.url}), epoch ${leader.epoch}\n`;
  await context.out.answer(options, { leader: leader ?? null }, told);
  return EXIT.ok;
}
