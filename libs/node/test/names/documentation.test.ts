import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import {
  formatPolicy,
  MAX_SUBSCRIBERS,
  POLICY_FIELDS,
  POLICY_ROLES,
  parsePolicy,
} from '@message-vault/metadata';
import { describe, expect, it } from 'vitest';
import { vault } from '../support/vault.ts';

const run = promisify(execFile);
const docs = new URL('../../../../docs/', import.meta.url);
const text = await readFile(new URL('names.md', docs), 'utf8');

/** The names that the commands of a page give a role, by curl in JSON or Atom, or by mvault. */
function rolesGiven(page: string): { name: string; role: string }[] {
  const lines = [...page.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block = '']) => block.split('\n'));
  return lines.flatMap((line) => {
    const [, set, to] = /names set (\S+) +--role (\S+)/.exec(line) ?? [];
    const name = set ?? /(?:\$vault|:\d{4})\/([\w/-]+)/.exec(line)?.[1];
    const role = to ?? /"role":"([\w-]+)"/.exec(line)?.[1] ?? /<(\w+)Policy>/.exec(line)?.[1]?.toLowerCase();
    return name === undefined || role === undefined ? [] : [{ name, role }];
  });
}

describe('docs/names.md', () => {
  it('has examples that work in the order they stand there', async () => {
    const { leader } = await vault();
    const blocks = [...text.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block = '']) => block);
    expect(blocks.length).toBeGreaterThan(2);
    for (const block of blocks) {
      const script = block.replaceAll('http://127.0.0.1:7001', leader);
      await run('sh', ['-e', '-c', script], { timeout: 20_000 });
    }
  });

  it('shares no name with the pages it may be followed along with, nor do two pages give one name two roles', async () => {
    const given = new Map<string, Set<string>>();
    for (const page of await readdir(docs)) {
      if (!page.endsWith('.md')) continue;
      for (const { name, role } of rolesGiven(await readFile(new URL(page, docs), 'utf8'))) {
        const who = ['names.md', 'queues.md'].includes(page) ? `${role} in ${page}` : role;
        given.set(name, (given.get(name) ?? new Set()).add(who));
      }
    }
    expect(given.size).toBeGreaterThan(5);
    expect([...given].filter(([, roles]) => roles.size > 1)).toEqual([]);
  });

  it('knows every field of every role, and no other', () => {
    const [, table = ''] = /## Fields([\s\S]*?)## Changing/.exec(text) ?? [];
    const rows = [...table.matchAll(/^\| (`[^|]+`) \| ([^|]+) \|/gm)].flatMap(([, names = '', roles = '']) =>
      [...names.matchAll(/`(\w+)`/g)].map(([, name = '']) => [name, roles.trim()] as const),
    );
    for (const role of POLICY_ROLES) {
      const written = rows
        .filter(([, roles]) => roles === 'all' || roles.split(', ').includes(role))
        .map(([name]) => name);
      expect({ role, fields: written.sort() }).toEqual({
        role,
        fields: POLICY_FIELDS[role].map(({ name }) => name).sort(),
      });
    }
  });

  it('has the defaults that are in force', () => {
    const inForce = Object.assign(
      {},
      ...POLICY_ROLES.map((role) =>
        formatPolicy(parsePolicy({ role, ...(role === 'metadata' ? { uri: 'a:b' } : {}) })),
      ),
    );
    const rows = [...text.matchAll(/^\| `(\w+)` \| [^|]+ \| `([\w-]+)` \|/gm)].filter(
      ([, field = '']) => field in inForce,
    );
    expect(rows.length).toBeGreaterThan(6);
    for (const [, field = '', written] of rows)
      expect({ field, value: String(inForce[field]) }).toEqual({ field, value: written });
    expect(text).toContain(`subscriptions there may be, ${MAX_SUBSCRIBERS} at most`);
    expect(inForce).toMatchObject({
      maxMessageSize: 4_128_768,
      maxSubscribers: 1000,
      maxDequeueRetries: 10,
      pushDeliveryRetries: 10,
    });
  });
});
