import { parseArgs } from 'node:util';
import { networkRefusal } from '@message-vault/bus';
import { limitsSchema, parseDurationMs, parseSizeBytes, UnitError } from '@message-vault/metadata';
import { z } from 'zod';

const network = z.string().superRefine((text, context) => {
  const message = networkRefusal(text);
  if (message !== undefined) context.addIssue({ code: 'custom', message });
});

const httpUrl = z.url({ protocol: /^https?$/ }).transform((url) => url.replace(/\/+$/, ''));

/** What one broker process needs to know. All of it can be given by flag, or by environment variable for secrets. */
export const nodeConfigSchema = z.strictObject({
  /** Unique in the cluster; shown to operators. */
  nodeId: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'expected 1 to 64 letters, digits, dots, dashes'),
  /** `master` and `slave` take part in the election (a master tries first at a cold start); a `reader` never leads. */
  app: z.enum(['master', 'slave', 'reader']),
  host: z.string().min(1).default('127.0.0.1'),
  /** 0 picks a free port. */
  port: z.int().min(0).max(65_535),
  /** Where the other nodes and the clients reach this one; by default made of host and port. */
  url: httpUrl.optional(),
  /** Azure Storage connection string, or account URL (then DefaultAzureCredential signs in). */
  storage: z.string().min(1),
  /** Container of the system documents. Clusters with different ones share an account without meeting. */
  systemContainer: z
    .string()
    .regex(/^[a-z0-9](?:-?[a-z0-9]){2,62}$/)
    .default('mv-sys'),
  redisUrl: z.string().optional(),
  /** Base URLs of the other nodes that can lead. */
  peers: z.array(httpUrl).default([]),
  /** Base URLs of nodes asked, before a takeover, whether they still reach the leader. */
  witnesses: z.array(httpUrl).default([]),
  /** Whether publishing to a name of no role makes it a stream. */
  autoCreate: z.boolean().default(true),
  /** Retention of streams made by their first publish. Unset keeps everything. */
  retentionAgeMs: z.int().positive().optional(),
  retentionBytes: z.int().positive().optional(),
  /** Whether webhooks may go to this machine's loopback, also by plain http. For a vault on one's own machine. */
  allowLoopbackWebhooks: z.boolean().default(false),
  /** Networks webhooks may go to (by https) although they are not public. */
  webhookNetworks: z.array(network).default([]),
  /** The DNS name that stands for this vault in what it asks and tells webhooks. */
  webhookOrigin: z.hostname().default('localhost'),
  /** A proxy in front of every node ends TLS and sets X-Forwarded-Proto, and no client gets past it. */
  trustForwardedProto: z.boolean().default(false),
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
  limits: limitsSchema.prefault({}),
});

export type NodeConfig = z.infer<typeof nodeConfigSchema>;
export type NodeConfigInput = z.input<typeof nodeConfigSchema>;

/** A setting that can't be used; the message says which, and what was expected. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** Checks a configuration and fills in the defaults. Throws ConfigError. */
export function parseNodeConfig(input: unknown): NodeConfig {
  const result = nodeConfigSchema.safeParse(input);
  if (result.success) return result.data;
  throw new ConfigError(z.prettifyError(result.error));
}

const FLAGS = {
  'node-id': { type: 'string', hint: 'NAME', help: 'unique in the cluster (default: the app and its port)' },
  listen: { type: 'string', hint: 'HOST:PORT', help: 'where to listen' },
  url: { type: 'string', hint: 'URL', help: 'where others reach this node (default: http://HOST:PORT)' },
  storage: {
    type: 'string',
    hint: 'CONNECTION',
    help: 'connection string or account URL; better MVAULT_STORAGE',
  },
  'system-container': { type: 'string', hint: 'NAME', help: 'container of the system documents (mv-sys)' },
  redis: { type: 'string', hint: 'URL', help: 'wake-ups through Redis; or MVAULT_REDIS' },
  peer: {
    type: 'string',
    multiple: true,
    hint: 'URL',
    help: 'another node that can lead; repeat for several',
  },
  witness: {
    type: 'string',
    multiple: true,
    hint: 'URL',
    help: 'a node to ask before taking over; repeat for several',
  },
  'no-auto-create': { type: 'boolean', hint: '', help: 'refuse to publish to a name that has no role' },
  'retention-age': {
    type: 'string',
    hint: 'DURATION',
    help: 'new streams may lose messages older than this, e.g. 7d',
  },
  'retention-bytes': {
    type: 'string',
    hint: 'SIZE',
    help: 'new streams keep at least this much, e.g. 10GiB',
  },
  'allow-loopback-webhooks': {
    type: 'boolean',
    hint: '',
    help: 'push to webhooks on 127.0.0.1, ::1 and localhost too, also by plain http',
  },
  'webhook-network': {
    type: 'string',
    multiple: true,
    hint: 'CIDR',
    help: 'push to webhooks (https) in this network although it is not public; repeat for several',
  },
  'webhook-origin': {
    type: 'string',
    hint: 'HOST',
    help: 'the DNS name this vault gives to webhooks, e.g. vault.example.com',
  },
  'trust-forwarded-proto': {
    type: 'boolean',
    hint: '',
    help: 'a proxy no client gets past ends TLS and sets X-Forwarded-Proto',
  },
  limit: {
    type: 'string',
    multiple: true,
    hint: 'NAME=VALUE',
    help: 'a limit of docs/http.md, e.g. http.maxBodyBytes=4MiB; repeat for several',
  },
  'log-level': {
    type: 'string',
    hint: 'LEVEL',
    help: 'trace, debug, info, warn, error or silent; or MVAULT_LOG_LEVEL',
  },
  help: { type: 'boolean', short: 'h', hint: '', help: 'this text' },
} as const;

/** The text of `--help` for a broker app. */
export function usage(app: NodeConfig['app']): string {
  const rows = Object.entries(FLAGS).map(
    ([name, flag]) => `  --${`${name} ${flag.hint}`.padEnd(26)} ${flag.help}`,
  );
  return [`usage: ${app} --listen HOST:PORT [options]`, '', ...rows, ''].join('\n');
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The configuration in a command line and the environment (a flag wins); 'help' when it was asked for.
 * Throws ConfigError. The only place that reads the environment.
 */
export function configFromArguments(
  app: NodeConfig['app'],
  args: readonly string[],
  env: Environment,
): NodeConfig | 'help' {
  const { values } = parseFlags(args);
  if (values.help) return 'help';
  const { host, port } = parseListen(values.listen ?? env.MVAULT_LISTEN);
  return parseNodeConfig({
    app,
    host,
    port,
    nodeId: values['node-id'] ?? env.MVAULT_NODE_ID ?? `${app}-${port}`,
    url: values.url ?? env.MVAULT_URL,
    storage: values.storage ?? env.MVAULT_STORAGE ?? missing('--storage (or MVAULT_STORAGE)'),
    systemContainer: values['system-container'] ?? env.MVAULT_SYSTEM_CONTAINER,
    redisUrl: values.redis ?? env.MVAULT_REDIS,
    peers: values.peer,
    witnesses: values.witness,
    autoCreate: !values['no-auto-create'],
    retentionAgeMs: optional(values['retention-age'], parseDurationMs),
    retentionBytes: optional(values['retention-bytes'], parseSizeBytes),
    allowLoopbackWebhooks: values['allow-loopback-webhooks'],
    webhookNetworks: values['webhook-network'],
    webhookOrigin: values['webhook-origin'],
    trustForwardedProto: values['trust-forwarded-proto'],
    limits: limitsOf(values.limit ?? []),
    logLevel: values['log-level'] ?? env.MVAULT_LOG_LEVEL,
  });
}

function parseFlags(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: FLAGS, strict: true, allowPositionals: false });
  } catch (cause) {
    throw new ConfigError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function parseListen(listen: string | undefined): { host: string; port: number } {
  const match = /^(?<host>[^:]+|\[[0-9a-fA-F:]+\]):(?<port>\d{1,5})$/.exec(listen ?? '');
  const { host, port } = match?.groups ?? {};
  if (host === undefined || port === undefined) {
    throw new ConfigError(
      `--listen takes HOST:PORT, as in 127.0.0.1:7001, not ${JSON.stringify(listen ?? '')}`,
    );
  }
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
}

/** `section.name=value` to `{section: {name: value}}`; whether there is such a limit is for the schema to say. */
function limitsOf(given: readonly string[]): Record<string, Record<string, number>> {
  const limits: Record<string, Record<string, number>> = {};
  for (const text of given) {
    const { section, name, value } = /^(?<section>\w+)\.(?<name>\w+)=(?<value>.+)$/.exec(text)?.groups ?? {};
    if (section === undefined || name === undefined || value === undefined) {
      throw new ConfigError(
        `--limit takes SECTION.NAME=VALUE, as in http.maxBodyBytes=4MiB, not ${JSON.stringify(text)}`,
      );
    }
    limits[section] = { ...limits[section], [name]: numberOf(name, value) };
  }
  return limits;
}

function numberOf(name: string, value: string): number {
  if (/^\d+$/.test(value)) return Number(value);
  return optional(value, name.endsWith('Ms') ? parseDurationMs : parseSizeBytes) ?? Number.NaN;
}

function optional<Value>(text: string | undefined, parse: (text: string) => Value): Value | undefined {
  try {
    return text === undefined ? undefined : parse(text);
  } catch (cause) {
    if (!(cause instanceof UnitError)) throw cause;
    throw new ConfigError(cause.message, { cause });
  }
}

function missing(what: string): never {
  throw new ConfigError(`${what} is needed`);
}
