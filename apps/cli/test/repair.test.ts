import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { azureStorage, type Storage } from '@message-vault/storage';
import { startAzurite } from '@message-vault/storage/testing';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { mvault } from './support/mvault.ts';

let azurite: Awaited<ReturnType<typeof startAzurite>>;
let storage: Storage;

beforeAll(async () => {
  azurite = await startAzurite();
  storage = azureStorage({ connectionString: azurite.connectionString });
});

afterAll(async () => {
  await storage.close();
  await azurite.stop();
});

const repair = (...args: string[]) =>
  mvault(['repair', ...args], { env: { MVAULT_STORAGE: azurite.connectionString } });

describe('mvault repair', () => {
  it('shows what the records say, and changes nothing without --yes', async () => {
    const { code, stdout } = await repair('--epoch', '17');
    expect([code, stdout.toString()]).toEqual([0, 'leader        (not there)\nleader-claim  (not there)\n']);
    expect(await storage.documents.get('leader')).toBeUndefined();
  });

  it('writes a leader document above the epoch that is remembered, in the name of a person', async () => {
    const { code, stdout } = await repair('--epoch', '17', '--person', 'ann', '--yes', '--json');
    const answer: { leader: string } = JSON.parse(stdout.toString());
    const stored = await storage.documents.get('leader');
    expect([code, JSON.parse(answer.leader)]).toEqual([
      0,
      JSON.parse(new TextDecoder().decode(stored?.body)),
    ]);
    expect(JSON.parse(answer.leader)).toMatchObject({ epoch: 1017, nodeId: 'ann' });
  });

  it('does nothing when the highest epoch is not given', async () => {
    const { code, stderr } = await repair('--yes');
    expect([code, stderr]).toEqual([2, 'mvault: --yes needs --epoch\n']);
  });

  it('takes no text that is no number for an epoch: an empty one, of a variable that is not set, is not 0', async () => {
    const answers = await Promise.all(
      ['', ' ', '0x10', '1e2'].map((text) => repair('--epoch', text, '--yes')),
    );
    expect(answers.map(({ code }) => code)).toEqual([2, 2, 2, 2]);
  });

  it('makes no vault where there is none: a folder without a database is refused in words', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'mvault-repair-'));
    onTestFinished(() => rm(dir, { recursive: true, force: true }));
    const { code, stderr } = await repair('--storage', `file:${join(dir, 'typo')}`);
    const words = /^mvault: there is no database .*typo\/mv-sys\.db: is it the right folder\?/;
    expect([code, stderr]).toEqual([1, expect.stringMatching(words)]);
    expect(await readdir(dir)).toEqual([]);
  });
});
