import type {
  ConnectionPointDocument,
  MetadataDocument,
  NameDocument,
  QueueDocument,
  RouterDocument,
  StreamDocument,
} from '@message-vault/metadata';
import type { RoleMethods, RoleRequest, RoleResource, RoleResources } from '../roles.ts';
import { allowedMethods, entryFor } from './methods.ts';
import { Pattern } from './pattern.ts';

/** What each role answers to. */
export interface RoleTables {
  readonly stream: RoleResources<StreamDocument>;
  readonly queue: RoleResources<QueueDocument>;
  readonly router: RoleResources<RouterDocument>;
  readonly 'connection-point': RoleResources<ConnectionPointDocument>;
  readonly metadata: RoleResources<MetadataDocument>;
}

/** A request before it is known what the name is. */
export type OpenRequest = Omit<RoleRequest, 'document' | 'parameters'>;

/** What a name with a role does with a request, whatever the role. */
interface RoleAnswer {
  /** Undefined when the method is not for this resource. */
  readonly entry: Pick<RoleResource<NameDocument>, 'action' | 'leaderOnly'> | undefined;
  readonly route: string;
  readonly allowed: readonly string[];
  handle(request: OpenRequest): Promise<void> | void;
}

interface Row<D extends NameDocument> {
  readonly pattern: string;
  readonly compiled: Pattern;
  readonly methods: RoleMethods<D>;
}

/** Finds the resource of one role. */
class RoleTable<D extends NameDocument> {
  readonly #rows: readonly Row<D>[];

  constructor(resources: RoleResources<D>) {
    this.#rows = Object.entries(resources).map(([pattern, methods]) => ({
      pattern,
      compiled: new Pattern(pattern),
      methods,
    }));
  }

  has(subordinate: string): boolean {
    return this.#rows.some(({ compiled }) => compiled.match(subordinate) !== undefined);
  }

  allowed(subordinate: string): string[] | undefined {
    const row = this.#rows.find(({ compiled }) => compiled.match(subordinate) !== undefined);
    return row && allowedMethods(row.methods);
  }

  answer(document: D, subordinate: string, method: string): RoleAnswer | undefined {
    for (const { pattern, compiled, methods } of this.#rows) {
      const parameters = compiled.match(subordinate);
      if (parameters === undefined) continue;
      const entry = entryFor(methods, method);
      return {
        entry,
        route: entry?.route ?? `${document.role}:${pattern}`,
        allowed: allowedMethods(methods),
        handle: (request) => entry?.handle({ ...request, document, parameters }),
      };
    }
    return undefined;
  }
}

/** The tables of all roles. */
export class Roles {
  readonly #tables: { readonly [Role in keyof RoleTables]: RoleTable<Extract<NameDocument, { role: Role }>> };

  constructor(tables: RoleTables) {
    this.#tables = {
      stream: new RoleTable(tables.stream),
      queue: new RoleTable(tables.queue),
      router: new RoleTable(tables.router),
      'connection-point': new RoleTable(tables['connection-point']),
      metadata: new RoleTable(tables.metadata),
    };
  }

  /** Whether a name of any role has this. */
  anyHas(subordinate: string): boolean {
    return Object.values(this.#tables).some((table) => table.has(subordinate));
  }

  /** Methods of a name that is going to be a stream; undefined when streams have no such resource. */
  allowedOfNone(subordinate: string): string[] | undefined {
    return this.#tables.stream.allowed(subordinate);
  }

  /** Undefined when the role of `document` has no such resource. */
  answer(document: NameDocument, subordinate: string, method: string): RoleAnswer | undefined {
    switch (document.role) {
      case 'stream':
        return this.#tables.stream.answer(document, subordinate, method);
      case 'queue':
        return this.#tables.queue.answer(document, subordinate, method);
      case 'router':
        return this.#tables.router.answer(document, subordinate, method);
      case 'connection-point':
        return this.#tables['connection-point'].answer(document, subordinate, method);
      case 'metadata':
        return this.#tables.metadata.answer(document, subordinate, method);
    }
  }
}
