import { readFile } from 'node:fs/promises';
import { defaultLimits } from '@message-vault/metadata';
import { describe, expect, it } from 'vitest';
import { PROBLEMS } from '../src/index.ts';
import { startNode } from './support/test-node.ts';

function page(name: string): Promise<string> {
  return readFile(new URL(`../../../docs/${name}.md`, import.meta.url), 'utf8');
}

const text = await page('http');

/** Arguments of a shell command: words, and single-quoted ones. Enough for the examples. */
function words(command: string): string[] {
  return [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
}

interface Example {
  readonly command: string;
  readonly url: string;
  readonly init: RequestInit;
  /** From a comment behind the command; any success without one. */
  readonly status: number | undefined;
}

function parseCurl(command: string): Example {
  const [line = '', comment] = command.split(' # ');
  const init: RequestInit & { headers: [string, string][] } = { method: 'GET', headers: [] };
  let url = '';
  const args = words(line).slice(1);
  for (let word = args.shift(); word !== undefined; word = args.shift()) {
    if (word === '-H') init.headers.push(splitHeader(args.shift() ?? ''));
    else if (word === '-d') Object.assign(init, { method: 'POST', body: args.shift() });
    else if (word === '-I') init.method = 'HEAD';
    else if (word === '-o') args.shift();
    else if (word !== '-N') url = word;
  }
  return { command, url, init, status: comment === undefined ? undefined : Number(comment) };
}

function splitHeader(header: string): [string, string] {
  const [name = '', ...value] = header.split(': ');
  return [name, value.join(': ')];
}

function examples(): Example[] {
  const blocks = [...text.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block = '']) => block);
  return blocks.flatMap((block) => block.split(/\n(?=curl )/)).map((command) => parseCurl(command.trim()));
}

describe('docs/http.md', () => {
  it('has examples that work in the order they stand there', async () => {
    const { url } = await startNode();
    const seen: string[] = [];
    for (const example of examples()) {
      const target = example.url.replace(/^http:\/\/127\.0\.0\.1:700[13]/, url);
      expect(target, example.command).toMatch(/^http:\/\/127\.0\.0\.1:/);
      const response = await fetch(target, example.init);
      const ok = example.status === undefined ? response.ok : response.status === example.status;
      expect({ command: example.command, status: response.status, ok }).toMatchObject({ ok: true });
      await response.arrayBuffer();
      seen.push(example.command);
    }
    expect(seen.length).toBeGreaterThan(15);
  });

  it('lists exactly the codes there are, with their statuses', () => {
    const rows = [...text.matchAll(/^\| (\d{3}) \| `(\w+)` \|/gm)].map(([, status, code = '']) => [
      code,
      Number(status),
    ]);
    const codes = Object.entries(PROBLEMS).map(([code, { status }]) => [code, status]);
    expect(rows).toEqual(codes);
  });

  it('has the defaults that are in force, as have the pages of relay and listeners', async () => {
    const all = [text, ...(await Promise.all(['relay', 'listeners'].map(page)))].join('\n');
    const rows = [...all.matchAll(/\| (\d+)(?: \w+)? \| `(\w+)\.(\w+)` \|/g)];
    expect(rows.length).toBeGreaterThan(30);
    const groups: Readonly<Record<string, Readonly<Record<string, number>>>> = defaultLimits;
    for (const [, value, group = '', setting = ''] of rows) {
      expect({ [`${group}.${setting}`]: groups[group]?.[setting] }).toEqual({
        [`${group}.${setting}`]: Number(value),
      });
    }
  });
});
