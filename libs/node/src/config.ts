import { parseArgs } from 'node:util';
import { networkRefusal } from '@message-vault/bus';
import { limitsSchema, parseDurationMs, parseSizeBytes, UnitError } from '@message-vault/metadata';
import { messageOf } from '@message-vault/runtime';
import { z } from 'zod';

const network = z.string().superRefine((text, context) => {
  const message = networkRefusal(text);
  if (message !== undefined) context.addIssue({ code: 'custom', message });
});

const nodeUrl = z.string().transform((text, context) => {
  const url = URL.parse(text);
  // What clients would lose or refuse on the way to the node is refused here: a path, a password.
  if (url !== null && /^https?:$/.test(url.protocol) && url.href.replace(/\/+$/, '') === url.origin) {
    if (!isEverywhere(url.hostname)) return url.origin;
  }
  context.addIssue({
    code: 'custom',
    message: 'expected a URL of scheme, host and port, as in http://vault-1:7001',
  });
  return z.NEVER;
});

/** What one broker process needs to know. All of it can be given by flag or by environment variable. */
export const nodeConfigSchema = z
  .strictObject({
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
    url: nodeUrl.optional(),
    /** Azure Storage connection string, account URL (then DefaultAzureCredential signs in), or `file:DIR`. */
    storage: z.string().min(1),
    /** Container of the system documents. Clusters with different ones share an account without meeting. */
    systemContainer: z
      .string()
      .regex(/^[a-z0-9](?:-?[a-z0-9]){2,62}$/, 'expected 3 to 63 small letters, digits, single dashes')
      .default('mv-sys'),
    redisUrl: z.url({ protocol: /^rediss?$/, error: 'expected redis://… or rediss://…' }).optional(),
    /** Base URLs of the other nodes that can lead. */
    peers: z.array(nodeUrl).default([]),
    /** Base URLs of nodes asked, before a takeover, whether they still reach the leader. */
    witnesses: z.array(nodeUrl).default([]),
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
  })
  .refine(({ host, url }) => url !== undefined || !isEverywhere(host), {
    path: ['url'],
    message: 'needed where a node listens on all addresses: nobody reaches it by that',
  });

function isEverywhere(host: string): boolean {
  return ['0.0.0.0', '::', '[::]'].includes(host);
}

export type NodeConfig = z.infer<typeof nodeConfigSchema>;
export type NodeConfigInput = z.input<typeof nodeConfigSchema>;

/** A setting that can't be used; the message says which, and what was expected. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** Checks a configuration and fills in the defaults. Throws ConfigError. */
export function parseNodeConfig(input: unknown): NodeConfig {
  return checked(input, z.prettifyError);
}

function checked(input: unknown, describe: (error: z.ZodError) => string): NodeConfig {
  const result = nodeConfigSchema.safeParse(input);
  if (result.success) return result.data;
  throw new ConfigError(describe(result.error));
}

const FLAGS = {
  'node-id': { type: 'string', hint: 'NAME', help: 'unique in the cluster (default: the app and its port)' },
  listen: { type: 'string', hint: 'HOST:PORT', help: 'where to listen' },
  url: { type: 'string', hint: 'URL', help: 'where others reach this node (default: http://HOST:PORT)' },
  storage: {
    type: 'string',
    hint: 'CONNECTION',
    help: 'connection string, account URL or file:DIR; not seen by ps as MVAULT_STORAGE',
  },
  'system-container': { type: 'string', hint: 'NAME', help: 'container of the system documents (mv-sys)' },
  redis: { type: 'string', hint: 'URL', help: 'wake-ups through Redis' },
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
    help: 'a reader to ask before taking over; repeat for several',
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
    help: 'trace, debug, info, warn, error or silent',
  },
  help: { type: 'boolean', short: 'h', hint: '', help: 'this text' },
} as const;

/** The text of `--help` for a broker app. */
export function usage(app: NodeConfig['app']): string {
  const rows = Object.entries(FLAGS).map(
    ([name, flag]) => `  --${`${name} ${flag.hint}`.padEnd(26)} ${flag.help}`,
  );
  const byEnvironment = `Each can be given as a variable too, --log-level as MVAULT_LOG_LEVEL; several values with commas between them. A flag wins.`;
  return [`usage: ${app} --listen HOST:PORT [options]`, '', ...rows, '', byEnvironment, ''].join('\n');
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
  const values = { ...parseFlags(flagsOf(env)), ...parseFlags(args) };
  if (values.help) return 'help';
  const { host, port } = parseListen(values.listen ?? missing('listen'));
  const input = {
    app,
    host,
    port,
    nodeId: values['node-id'] ?? `${app}-${port}`,
    url: values.url,
    storage: values.storage ?? missing('storage'),
    systemContainer: values['system-container'],
    redisUrl: values.redis,
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
    logLevel: values['log-level'],
  };
  return checked(input, ({ issues }) => issues.map(inTermsOfFlags).join('\n'));
}

/** What a setting is called where its flag has another name. */
const FLAG_OF_SETTING: Readonly<Record<string, string>> = {
  host: 'listen',
  port: 'listen',
  redisUrl: 'redis',
  peers: 'peer',
  witnesses: 'witness',
  webhookNetworks: 'webhook-network',
  limits: 'limit',
};

function inTermsOfFlags({ path: [setting, ...within], message }: z.core.$ZodIssue): string {
  const name = String(setting);
  const flag = FLAG_OF_SETTING[name] ?? name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const place = within.filter((part) => typeof part === 'string').join('.');
  return `--${flag}${place && ` ${place}`}: ${message}`;
}

/** The variables among `env` that are ours, as flags. One that is empty is not set: that is what units and compose files make of it. */
function flagsOf(env: Environment): string[] {
  return Object.entries(FLAGS).flatMap(([name, flag]) => {
    const variable = variableOf(name);
    const text = env[variable]?.trim() ?? '';
    if (text === '' || name === 'help') return [];
    if (flag.type === 'boolean') return isTrue(variable, text) ? [`--${name}`] : [];
    return ('multiple' in flag ? text.split(/[\s,]+/) : [text]).map((value) => `--${name}=${value}`);
  });
}

function variableOf(flag: string): string {
  return `MVAULT_${flag.toUpperCase().replaceAll('-', '_')}`;
}

function isTrue(variable: string, text: string): boolean {
  if (/^(true|1)$/i.test(text)) return true;
  if (/^(false|0)$/i.test(text)) return false;
  throw new ConfigError(`${variable} takes true or false, not ${JSON.stringify(text)}`);
}

function parseFlags(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: FLAGS, strict: true, allowPositionals: false }).values;
  } catch (cause) {
    throw new ConfigError(messageOf(cause), { cause });
  }
}

function parseListen(listen: string): { host: string; port: number } {
  const match = /^(?<host>[^:]+|\[[0-9a-fA-F:]+\]):(?<port>\d{1,5})$/.exec(listen);
  const { host, port } = match?.groups ?? {};
  if (host === undefined || port === undefined) {
    throw new ConfigError(`--listen takes HOST:PORT, as in 127.0.0.1:7001, not ${JSON.stringify(listen)}`);
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

function missing(flag: string): never {
  throw new ConfigError(`--${flag} (or ${variableOf(flag)}) is needed`);
}
