import type { NameDocument } from '@message-vault/metadata';
import type { BodyReader } from './body.ts';
import type { Exchange, HttpContext } from './exchange.ts';
import type { AccessQuestion } from './options.ts';
import type { NameTarget } from './target.ts';

/** A request for a name whose role is known, or for one of its subordinate URIs. */
export interface RoleRequest<D extends NameDocument = NameDocument> {
  readonly context: HttpContext;
  readonly exchange: Exchange;
  readonly target: NameTarget;
  readonly document: D;
  readonly bodies: BodyReader;
  /** What stands for the `:…` parts of the pattern, unescaped, and as `rest` what stands for a `*` at its end, as it came. */
  readonly parameters: Readonly<Record<string, string>>;
}

export type RoleHandler<D extends NameDocument> = (request: RoleRequest<D>) => Promise<void> | void;

export type RoleMethod = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface RoleResource<D extends NameDocument> {
  /** What it needs to be allowed. */
  readonly action: AccessQuestion['action'];
  readonly handle: RoleHandler<D>;
  /** Passed on to the leader, unread, where this node does not lead. */
  readonly leaderOnly?: boolean;
  /** For metrics; without it the role and the pattern. */
  readonly route?: string;
}

/** By method. HEAD is GET without its body unless it has an entry of its own; `*` is every method that has none, OPTIONS too. */
export type ByMethod<Entry> = Readonly<Partial<Record<RoleMethod | '*', Entry>>>;

export type RoleMethods<D extends NameDocument> = ByMethod<RoleResource<D>>;

/**
 * What a role answers to: by the pattern of the subordinate URI (`''` is the name itself; `head`, `locks/:id`,
 * `relay/*`), then by method. Patterns are tried in order.
 */
export type RoleResources<D extends NameDocument> = Readonly<Record<string, RoleMethods<D>>>;
