import { isVaultClientError, type NameEntry, type VaultClient } from '@message-vault/client';
import type { CommandContext, CommonOptions } from '../context.ts';
import { CommandFailure, EXIT } from '../exit.ts';
import { subscriptionJson } from '../subscription-text.ts';
import { compositionDot } from './dot.ts';
import type { KnownName } from './known-name.ts';
import { depthText } from './stats-text.ts';

export interface TreeOptions {
  readonly dot?: true;
}

interface Branch {
  readonly segment: string;
  readonly name: string;
  known: KnownName | undefined;
  readonly children: Map<string, Branch>;
}

/** Questions on their way at once. */
const AT_ONCE = 16;
const HOLDERS = new Set(['stream', 'queue', 'router']);

export async function tree(
  context: CommandContext,
  root: string,
  options: CommonOptions & TreeOptions,
): Promise<number> {
  const client = context.client();
  const entries = await entriesBelow(client, root, context.signal);
  if (entries.length === 0 && root !== '')
    throw new CommandFailure(`neither ${root} nor any name below it has a role`, EXIT.notFound);
  const names = await inParallel(entries, AT_ONCE, (entry) => look(client, entry, context.signal));
  if (options.dot) await context.out.write(compositionDot(root, names));
  else {
    const branch = grow(root, names);
    await context.out.answer(options, toJson(branch), toText(branch));
  }
  return EXIT.ok;
}

async function entriesBelow(client: VaultClient, root: string, signal: AbortSignal): Promise<NameEntry[]> {
  const entries = await Array.fromAsync(client.names({ prefix: root, signal }));
  return entries.filter(({ name }) => root === '' || name === root || name.startsWith(`${root}/`));
}

async function look(client: VaultClient, { name, role }: NameEntry, signal: AbortSignal): Promise<KnownName> {
  const known = { name, role, stats: undefined, subscriptions: [] };
  if (!HOLDERS.has(role)) return known;
  try {
    const stats = await client.name(name).stats({ signal });
    const subscriptions = role === 'router' ? await client.router(name).subscriptions({ signal }) : [];
    return { ...known, stats, subscriptions };
  } catch (error) {
    // Removed meanwhile, or of another role by now; the others are there to be shown.
    if (isVaultClientError(error, 'not_found', 'rejected', 'conflict')) return known;
    throw error;
  }
}

async function inParallel<Item, Result>(
  items: readonly Item[],
  atOnce: number,
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const left = items.entries();
  const worker = async (): Promise<void> => {
    for (const [index, item] of left) results[index] = await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
  return results;
}

function grow(root: string, names: readonly KnownName[]): Branch {
  const top: Branch = {
    segment: root === '' ? '/' : root,
    name: root,
    known: undefined,
    children: new Map(),
  };
  for (const known of names) {
    let here = top;
    const below = root === '' ? known.name : known.name.slice(root.length + 1);
    for (const segment of below.split('/').filter((part) => part !== '')) {
      const name = here.name === '' ? segment : `${here.name}/${segment}`;
      const next: Branch = here.children.get(segment) ?? {
        segment,
        name,
        known: undefined,
        children: new Map(),
      };
      here.children.set(segment, next);
      here = next;
    }
    here.known = known;
  }
  return top;
}

interface Line {
  readonly label: string;
  readonly role: string;
  readonly depth: string;
}

function toText(top: Branch): string {
  const lines: Line[] = [];
  collect(top, '', '', lines);
  const width = Math.max(...lines.map(({ label }) => label.length));
  const roleWidth = Math.max(...lines.map(({ role }) => role.length));
  return lines
    .map(({ label, role, depth }) => `${label.padEnd(width)}  ${role.padEnd(roleWidth)}  ${depth}`.trimEnd())
    .map((line) => `${line}\n`)
    .join('');
}

function collect(branch: Branch, lead: string, below: string, lines: Line[]): void {
  const { known } = branch;
  const depth = known?.stats === undefined ? '' : depthText(known.stats);
  lines.push({ label: lead + branch.segment, role: known?.role ?? '', depth });
  const children = [...branch.children.values()];
  for (const [index, child] of children.entries()) {
    const isLast = index === children.length - 1;
    collect(child, `${below}${isLast ? '└── ' : '├── '}`, `${below}${isLast ? '    ' : '│   '}`, lines);
  }
}

function toJson(branch: Branch): Record<string, unknown> {
  const { known } = branch;
  const { role: _role, ...stats } = known?.stats ?? { role: undefined };
  return {
    name: branch.name,
    role: known?.role ?? 'none',
    ...(known?.stats === undefined ? {} : { stats }),
    ...(known?.role === 'router' ? { subscriptions: known.subscriptions.map(subscriptionJson) } : {}),
    children: [...branch.children.values()].map(toJson),
  };
}
