import {
  type NameRole,
  POLICY_ROLES,
  type PolicyRole,
  parseDurationMs,
  ROLES,
  UnitError,
} from '@message-vault/metadata';
import { type Action, act } from '../act.ts';
import { isMembers, list, optionalString, parseMembers } from '../answers.ts';
import { ask, type Question } from '../ask.ts';
import type { Door } from '../door.ts';
import { VaultClientError } from '../errors.ts';
import type { CallOptions } from '../questions.ts';
import type { TransportResponse } from '../transport.ts';
import type { NamePolicy, PolicyFields } from './policy.ts';
import { askNameStats, type NameStats } from './stats.ts';

export interface ChangeOptions extends CallOptions {
  /** Only if the policy is still the one of this ETag; else `changed_meanwhile`. */
  readonly ifMatch?: string | undefined;
}

/** A name directly below another. */
export interface ChildName {
  readonly name: string;
  /** `none`: there are only names below it. */
  readonly role: NameRole;
}

const POLICY_TYPE = 'application/vnd.message-vault.policy+json';
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;
const CHILDREN_PER_PAGE = 1000;

/** A name of the namespace, whatever its role. All names exist; a policy is what gives one a role. */
export class NameHandle {
  readonly name: string;
  readonly #door: Door;

  constructor(door: Door, name: string) {
    this.#door = door;
    this.name = name;
  }

  /** Gives the name, which must have none, the role and policy. Error: `conflict` when it has one. */
  assign(
    policy: PolicyFields & { readonly role: PolicyRole },
    options: CallOptions = {},
  ): Promise<NamePolicy> {
    const action = this.#action('assign', 'POST', `/${this.name}`, options, policy);
    return act(this.#door.context, { ...action, statuses: [201] }, this.#understand, async (refusal) => {
      const found = refusal.code === 'conflict' ? await this.policy(options) : undefined;
      // What this asked for is there: who of two asking for the same was first is nobody's business.
      return found !== undefined && holds(found.policy, policy) ? found : undefined;
    });
  }

  /** Error: `not_found` when the name has no role. */
  policy(options: CallOptions = {}): Promise<NamePolicy> {
    const question = this.#question('policy', `/${this.name}/-/policy`, options);
    return ask(this.#door.context, question, this.#understand);
  }

  /** Puts `policy` in the place of what may change of the policy there is. Error: `conflict` names what may not. */
  change(policy: PolicyFields, options: ChangeOptions = {}): Promise<NamePolicy> {
    const action = this.#action('change', 'PUT', `/${this.name}/-/policy`, options, policy);
    return act(this.#door.context, action, this.#understand);
  }

  /** Takes the role away, with all the name holds: it can be given another at once. */
  async remove(options: ChangeOptions = {}): Promise<void> {
    const action = this.#action('remove', 'DELETE', `/${this.name}/-/policy`, options);
    const ifDone = (refusal: VaultClientError) => (refusal.code === 'not_found' ? true : undefined);
    await act(this.#door.context, { ...action, statuses: [200, 204] }, () => true, ifDone);
  }

  /** The names directly below this one, in order. */
  async *children(options: CallOptions = {}): AsyncGenerator<ChildName, void, undefined> {
    let cursor: string | undefined;
    do {
      const query = new URLSearchParams({
        limit: String(CHILDREN_PER_PAGE),
        ...(cursor === undefined ? {} : { cursor }),
      });
      const question = this.#question('children', `/${this.name}/-/children?${query}`, options);
      const page = await ask(this.#door.context, question, toPage);
      yield* page.children;
      cursor = page.cursor;
    } while (cursor !== undefined);
  }

  /** What it holds, whether stream, queue or router. */
  stats(options: CallOptions = {}): Promise<NameStats> {
    return askNameStats(this.#door, this.name, options);
  }

  #question(verb: string, path: string, options: CallOptions): Question {
    return {
      ...this.#door.asking(options),
      operation: `${verb} ${this.name}`,
      path,
      accept: 'application/json',
      maxResponseBytes: MAX_ANSWER_BYTES,
      stallTimeoutMs: this.#door.context.attemptTimeoutMs,
    };
  }

  #action(
    verb: string,
    method: 'POST' | 'PUT' | 'DELETE',
    path: string,
    options: ChangeOptions,
    policy?: PolicyFields,
  ): Action {
    const { ifMatch, ...call } = options;
    return {
      ...this.#question(verb, path, call),
      method,
      of: 'leader',
      headers: {
        ...(policy === undefined ? {} : { 'content-type': POLICY_TYPE }),
        ...(ifMatch === undefined ? {} : { 'if-match': ifMatch }),
      },
      body: policy === undefined ? undefined : Buffer.from(JSON.stringify(policy)),
    };
  }

  readonly #understand = (response: TransportResponse): NamePolicy => {
    const members = parseMembers(response);
    const role = oneOf(POLICY_ROLES, members);
    return { name: this.name, role, etag: response.headers.etag, policy: { ...members, role } };
  };
}

function oneOf<Role extends NameRole>(
  roles: readonly Role[],
  { role }: Readonly<Record<string, unknown>>,
): Role {
  const known = roles.find((each) => each === role);
  if (known === undefined) throw new VaultClientError('bad_answer', "the node's answer has no `role`");
  return known;
}

function toPage(response: TransportResponse): { children: ChildName[]; cursor: string | undefined } {
  const members = parseMembers(response);
  return {
    children: list(members, 'children')
      .filter(isMembers)
      .map((child) => ({
        name: optionalString(child, 'name') ?? '',
        role: oneOf(ROLES, child),
      })),
    cursor: optionalString(members, 'cursor'),
  };
}

/** Whether everything `asked` for is in force. */
function holds(inForce: PolicyFields, asked: PolicyFields): boolean {
  const found: Readonly<Record<string, unknown>> = { ...inForce };
  return Object.entries(asked).every(
    ([field, value]) => value === undefined || comparable(found[field]) === comparable(value),
  );
}

/** One duration can be written in several ways. */
function comparable(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return parseDurationMs(value);
  } catch (error) {
    if (!(error instanceof UnitError)) throw error;
    const instant = Date.parse(value);
    return Number.isNaN(instant) ? value : instant;
  }
}
