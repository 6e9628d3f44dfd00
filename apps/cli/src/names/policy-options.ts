import type { PolicyFields } from '@message-vault/client';
import { formatDuration, POLICY_FIELDS, POLICY_ROLES, type PolicyField } from '@message-vault/metadata';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { durationMs, instantMs, sizeBytes, wholeNumber } from '../units.ts';

/** What the field is called on the command line, where that is shorter. */
const SHORT: Readonly<Record<string, string>> = {
  messageDistribution: 'distribution',
  expirationInstant: 'expires',
};

const CHOICES: Readonly<Record<string, readonly string[]>> = {
  authorization: ['none', 'required', 'required-to-send', 'required-to-receive'],
  discoverability: ['managers', 'listeners', 'senders', 'public'],
  transportProtection: ['none', 'all-paths'],
  overflow: ['reject', 'discard-incoming', 'discard-existing'],
  messageDistribution: ['all', 'one'],
};

const PLACEHOLDERS: Readonly<Record<PolicyField['form'], string>> = {
  text: '<text>',
  // Given without a value it is meant.
  flag: '[true|false]',
  count: '<count>',
  size: '<size>',
  duration: '<duration>',
  instant: '<time>',
};

const MEANINGS: Readonly<Record<string, string>> = {
  authorization: 'who needs credentials',
  discoverability: 'who finds it in listings',
  expirationInstant: 'when the role ends by itself: a time, or +7d from now',
  transportProtection: 'all-paths: refuse plain HTTP',
  maxMessageSize: 'largest value of a message',
  retentionAge: 'messages older than that may be removed',
  retentionBytes: 'keep at least so much',
  segmentBytes: 'size of a full segment',
  segmentCommits: 'commits of a full segment',
  maxMessageAge: 'how long a message waits to be taken',
  maxQueueLength: 'messages that may wait',
  maxQueueCapacity: 'bytes that may wait',
  overflow: 'what becomes of what finds no room',
  lockDuration: "how long a taken message is nobody else's",
  maxDequeueRetries: 'deliveries after the first, before it is dead-lettered',
  poisonMessageDrop: 'throw such a message away instead',
  enqueueTimeout: 'how long a message may wait for room',
  maxConcurrentReaders: 'messages that may be locked at once',
  messageDistribution: 'every subscriber gets a message, or one of them',
  maxSubscribers: 'subscriptions it may have',
  pushDeliveryRetries: 'tries after the first, before a message is dead-lettered',
  pushDeliveryTimeout: 'how long a subscriber may take to answer',
  bufferTimeout: "how long a message waits for a subscriber that can't take it",
  uri: 'what the name stands for',
};

/** Each field of any role's policy once, with the roles that have it. */
function allFields(): { field: PolicyField; roles: string[] }[] {
  const fields = new Map<string, { field: PolicyField; roles: string[] }>();
  for (const role of POLICY_ROLES) {
    for (const field of POLICY_FIELDS[role]) {
      const known = fields.get(field.name) ?? { field, roles: [] };
      known.roles.push(role);
      fields.set(field.name, known);
    }
  }
  return [...fields.values()];
}

/** `--role` and one option for each policy field there is. */
export function addPolicyOptions(command: Command): Command {
  command.addOption(new Option('--role <role>', 'what the name is to be').choices([...POLICY_ROLES]));
  for (const { field, roles } of allFields()) command.addOption(optionOf(field, roles));
  return command;
}

function optionOf(field: PolicyField, roles: readonly string[]): Option {
  const everywhere = roles.length === POLICY_ROLES.length;
  const fixed = field.fixed === true ? '; settled with the role' : '';
  const flags = `--${flagOf(field)} ${PLACEHOLDERS[field.form]}`;
  const where = `(${everywhere ? 'any role' : roles.join(', ')}${fixed})`;
  const option = new Option(flags, `${MEANINGS[field.name] ?? ''} ${where}`.trim());
  const choices = CHOICES[field.name];
  return choices === undefined
    ? option.argParser((text) => parse(field, text))
    : option.choices([...choices]);
}

function flagOf({ name }: PolicyField): string {
  return (SHORT[name] ?? name).replace(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`);
}

/** As it stands in a policy's JSON. */
function parse({ form }: PolicyField, text: string): unknown {
  switch (form) {
    case 'count':
      return wholeNumber(text);
    case 'size':
      return sizeBytes(text);
    case 'duration':
      return formatDuration(durationMs(text));
    case 'instant':
      return new Date(instantMs(text)).toISOString();
    case 'flag':
      if (text !== 'true' && text !== 'false') throw new InvalidArgumentError('expected true or false');
      return text === 'true';
    case 'text':
      return text;
  }
}

/** The policy fields among what Commander made of the command line. */
export function policyOf(options: Readonly<Record<string, unknown>>): PolicyFields {
  const given = allFields().map(
    ({ field }) => [field.name, options[SHORT[field.name] ?? field.name]] as const,
  );
  return Object.fromEntries(
    [['role', options.role] as const, ...given].filter(([, value]) => value !== undefined),
  );
}
