import { POLICY_FIELDS, type PolicyRole } from '@message-vault/metadata';

/** The element that holds the policy of each role. */
export const POLICY_ELEMENTS: Readonly<Record<string, PolicyRole>> = {
  StreamPolicy: 'stream',
  QueuePolicy: 'queue',
  RouterPolicy: 'router',
  ConnectionPointPolicy: 'connection-point',
  MetadataPolicy: 'metadata',
};

/** How values were called in 2009 that have a shorter name now. */
const OLD_VALUES: Readonly<Record<string, string>> = {
  'not-required': 'none',
  'reject-incoming-message': 'reject',
  'discard-incoming-message': 'discard-incoming',
  'discard-existing-message': 'discard-existing',
  'managers-listeners': 'listeners',
  'managers-listeners-senders': 'senders',
};

/** Fields whose text is meant as it is. */
const PLAIN = new Set(['uri', 'expirationInstant']);

/** `LockDuration` → `lockDuration`. */
export function fieldOf(element: string): string {
  return element.slice(0, 1).toLowerCase() + element.slice(1);
}

/** `lockDuration` → `LockDuration`. */
export function elementOf(field: string): string {
  return field.slice(0, 1).toUpperCase() + field.slice(1);
}

/** The text of an element as JSON would have it; what it can't be is left for the policy to refuse. */
export function fieldValue(role: PolicyRole, field: string, text: string): unknown {
  const form = POLICY_FIELDS[role].find(({ name }) => name === field)?.form;
  if (form === 'flag') return text === 'true' ? true : text === 'false' ? false : text;
  if (form === 'count' || form === 'size') return /^\d{1,15}$/.test(text) ? Number(text) : text;
  return form === 'text' && !PLAIN.has(field) ? choice(text) : text;
}

/** `RequiredToSend` → `required-to-send`. */
function choice(text: string): string {
  const value = text.replace(/(?<=[a-z])(?=[A-Z])/g, '-').toLowerCase();
  return OLD_VALUES[value] ?? value;
}
