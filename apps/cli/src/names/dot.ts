import type { Subscription } from '@message-vault/client';
import { targetText } from '../subscription-text.ts';
import type { KnownName } from './known-name.ts';
import { depthText } from './stats-text.ts';

const SHAPES: Readonly<Record<string, string>> = {
  stream: 'cds',
  queue: 'box3d',
  router: 'diamond',
  'connection-point': 'doublecircle',
  metadata: 'note',
  webhook: 'component',
};

/** What goes where: names and webhooks as nodes, subscriptions as arrows, in the language of Graphviz. */
export function compositionDot(root: string, names: readonly KnownName[]): string {
  const known = new Set(names.map(({ name }) => name));
  const lines = names.flatMap((each) => [nodeLine(each), ...listenersLines(each)]);
  for (const { name, subscriptions } of names) {
    for (const subscription of subscriptions) {
      const target = targetText(subscription.target);
      if (!known.has(target)) {
        known.add(target);
        const shape = 'webhook' in subscription.target ? 'webhook' : 'elsewhere';
        lines.push(`${quoted(target)} [shape=${SHAPES[shape] ?? 'plaintext'}];`);
      }
      lines.push(edgeLine(name, target, subscription));
    }
  }
  const title = root === '' ? 'message-vault' : root;
  const body = lines.map((line) => `  ${line}\n`).join('');
  return `digraph ${quoted(title)} {\n  rankdir=LR;\n  node [fontname="sans-serif"];\n${body}}\n`;
}

function nodeLine({ name, role, stats }: KnownName): string {
  const label = [name, role, ...(stats === undefined ? [] : [depthText(stats)])].map(escaped).join('\\n');
  return `${quoted(name)} [shape=${SHAPES[role] ?? 'plaintext'}, label="${label}"];`;
}

/** Who is connected has no name: together they are one node. */
function listenersLines({ name, stats }: KnownName): string[] {
  if (stats?.role !== 'router' || !stats.listeners) return [];
  const node = quoted(`${name} listeners`);
  return [`${node} [shape=ellipse, label="${stats.listeners} connected"];`, `${quoted(name)} -> ${node};`];
}

function edgeLine(from: string, to: string, { state, filter, lag }: Subscription): string {
  const told = [
    ...(filter === undefined ? [] : [filter]),
    ...(state === 'active' ? [] : [state]),
    ...(lag ? [`${lag} behind`] : []),
  ];
  const attributes = [
    ...(told.length === 0 ? [] : [`label="${told.map(escaped).join('\\n')}"`]),
    ...(state === 'active' ? [] : ['style=dashed']),
  ];
  const list = attributes.length === 0 ? '' : ` [${attributes.join(', ')}]`;
  return `${quoted(from)} -> ${quoted(to)}${list};`;
}

function quoted(text: string): string {
  return `"${escaped(text)}"`;
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"');
}
