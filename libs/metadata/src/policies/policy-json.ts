import type { z } from 'zod';
import { PolicyError, UnitError } from '../errors.ts';
import { formatDuration, parseDurationMs, parseSizeBytes } from '../units.ts';
import { refuseContradictions } from './contradictions.ts';
import { POLICY_ALIASES, POLICY_FIELDS, type PolicyField, type PolicyRole } from './fields.ts';
import { POLICY_ROLES, type RolePolicy, rolePolicySchema } from './policy.ts';

/** RFC 3339, with the offset it demands. */
const INSTANT = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})$/;

type Fields = Readonly<Record<string, unknown>>;

/**
 * The policy as clients write it: `{"role": …}` and the fields of that role. Durations are ISO 8601 (`PT60S`) or short
 * (`60s`), instants RFC 3339, sizes bytes or like `64KiB`. What is left out has its default. `role` is that of the name
 * already, for a policy that names none. Throws PolicyError for an unknown field, a value that is none of the field's,
 * and fields that contradict each other.
 */
export function parsePolicy(json: unknown, role?: PolicyRole): RolePolicy {
  if (!isObject(json)) throw new PolicyError('', 'the policy is no object', 'an object of policy fields');
  const named = json.role ?? role;
  const known = POLICY_ROLES.find((each) => each === named);
  if (known === undefined) throw new PolicyError('role', `the role is ${show(named)}`, oneOf(POLICY_ROLES));
  const given = storedFields(known, json);
  const result = rolePolicySchema.safeParse({ role: known, policy: given });
  if (!result.success) throw outOfRange(known, json, result.error.issues[0]);
  refuseContradictions(given);
  return result.data;
}

/** The policy as clients read it, every field that has a value. */
export function formatPolicy({ role, policy }: RolePolicy): Record<string, unknown> & { role: PolicyRole } {
  const stored = new Map<string, unknown>(Object.entries(policy));
  const fields = POLICY_FIELDS[role].flatMap((field) => {
    const value = stored.get(field.stored);
    return value === undefined ? [] : [[field.name, formatValue(field, value)] as const];
  });
  return { role, ...Object.fromEntries(fields) };
}

/** Fields of `next` that are settled when the role is assigned and differ from `now`, as clients call them. */
export function fixedDifferences(now: RolePolicy, next: RolePolicy): string[] {
  if (now.role !== next.role) return ['role'];
  const [before, after] = [now, next].map(({ policy }) => new Map<string, unknown>(Object.entries(policy)));
  return POLICY_FIELDS[now.role]
    .filter(({ fixed, stored }) => fixed === true && before?.get(stored) !== after?.get(stored))
    .map(({ name }) => name);
}

/** `json` with the fixed fields it leaves out as they are in `now`, so that leaving one out doesn't mean its default. */
export function withFixedFields(json: unknown, now: RolePolicy): unknown {
  if (!isObject(json) || (json.role ?? now.role) !== now.role) return json;
  const current = formatPolicy(now);
  const fixed = POLICY_FIELDS[now.role].filter((field) => field.fixed === true && !(field.name in json));
  return { ...Object.fromEntries(fixed.map(({ name }) => [name, current[name]])), ...json };
}

function storedFields(role: PolicyRole, json: Fields): Fields {
  const aliases = POLICY_ALIASES[role] ?? {};
  const given: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(json)) {
    if (name === 'role' || value === undefined) continue;
    const field = POLICY_FIELDS[role].find((each) => each.name === (aliases[name] ?? name));
    if (field === undefined) throw unknownField(role, name);
    const parsed = parseValue(field, name, value);
    if (field.stored in given && given[field.stored] !== parsed) {
      throw new PolicyError(name, `${name} and ${field.name} differ`, 'one of them, or the same in both');
    }
    given[field.stored] = parsed;
  }
  return given;
}

function unknownField(role: PolicyRole, name: string): PolicyError {
  const names = POLICY_FIELDS[role].map((field) => field.name);
  return new PolicyError(name, `${show(name)} is no field of a ${role}`, oneOf(['role', ...names]));
}

function parseValue({ form }: PolicyField, name: string, value: unknown): unknown {
  switch (form) {
    case 'duration':
      return typeof value === 'string'
        ? parsed(name, value, parseDurationMs)
        : bad(name, value, 'a duration like PT60S or 60s');
    case 'instant':
      return instantMs(name, value);
    case 'size':
      return typeof value === 'string' ? parsed(name, value, parseSizeBytes) : value;
    default:
      return value;
  }
}

function parsed(name: string, text: string, parse: (text: string) => number): number {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof UnitError)) throw error;
    throw new PolicyError(name, `${name} is ${show(text)}`, error.message.replace(/^.*: expected /, ''));
  }
}

function instantMs(name: string, value: unknown): number {
  const ms = typeof value === 'string' && INSTANT.test(value) ? Date.parse(value) : Number.NaN;
  return ms >= 0 && isOnCalendar(value) ? ms : bad(name, value, 'an instant like 2026-11-20T07:00:00Z');
}

/** Date.parse takes the 30th of February for the 2nd of March. */
function isOnCalendar(value: unknown): boolean {
  const [year = 0, month = 0, day = 0] = String(value).slice(0, 10).split('-').map(Number);
  return day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
}

function formatValue({ form }: PolicyField, value: unknown): unknown {
  if (typeof value !== 'number') return value;
  if (form === 'duration') return formatDuration(value);
  return form === 'instant' ? new Date(value).toISOString() : value;
}

/** What the schema says of the first thing it refused, in the words of the client. */
function outOfRange(role: PolicyRole, json: Fields, issue: z.core.$ZodIssue | undefined): PolicyError {
  const stored = String(issue?.path[1] ?? '');
  const field = POLICY_FIELDS[role].find((each) => each.stored === stored);
  const name = field?.name ?? stored;
  const given = name in json ? `${name} is ${show(json[name])}` : `${name} is missing`;
  return new PolicyError(name, given, expectation(field, issue));
}

function expectation(field: PolicyField | undefined, issue: z.core.$ZodIssue | undefined): string {
  const unit = (limit: number | bigint): string =>
    field?.form === 'duration' ? formatDuration(Number(limit)) : String(limit);
  switch (issue?.code) {
    case 'too_small':
      return issue.inclusive === false
        ? `more than ${unit(issue.minimum)}`
        : `at least ${unit(issue.minimum)}`;
    case 'too_big':
      return `at most ${unit(issue.maximum)}${field?.form === 'text' ? ' characters' : ''}`;
    case 'not_multiple_of':
      return `a multiple of ${issue.divisor}`;
    case 'invalid_value':
      return oneOf(issue.values.map(String));
    case 'invalid_type':
      return field?.form === 'flag' ? 'true or false' : field?.form === 'text' ? 'a text' : 'a whole number';
    default:
      return (issue?.message ?? 'another value').replace(/^expected /, '');
  }
}

function bad(name: string, value: unknown, expected: string): never {
  throw new PolicyError(name, `${name} is ${show(value)}`, expected);
}

function show(value: unknown): string {
  return value === undefined ? 'missing' : JSON.stringify(value).slice(0, 100);
}

function oneOf(values: readonly string[]): string {
  return values.length === 1 ? String(values[0]) : `one of ${values.join(', ')}`;
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
