import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { azureStorage } from '@message-vault/storage';
import { startAzurite } from '@message-vault/storage/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'start-azurite-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const lives = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe('startAzurite', () => {
  it('keeps in its folder what was written, for the next one on the same ports', async () => {
    const first = await startAzurite({ dir });
    const storage = azureStorage({ connectionString: first.connectionString });
    const { etag } = await storage.documents.put('kept', new Uint8Array([1, 2, 3]), { ifAbsent: true });
    await first.stop();
    expect(lives(first.pid)).toBe(false);

    const second = await startAzurite({ dir, ports: first.ports });
    expect(second.connectionString).toBe(first.connectionString);
    expect(await storage.documents.get('kept')).toMatchObject({ body: new Uint8Array([1, 2, 3]), etag });
    await storage.close();
    await second.stop();
    await access(dir);
  });

  it('says why it did not start', async () => {
    const first = await startAzurite({ inMemory: true });
    await expect(startAzurite({ inMemory: true, ports: first.ports })).rejects.toThrow(/EADDRINUSE/);
    await first.stop();
  });

  it('can be stopped twice, and after it was killed', async () => {
    const azurite = await startAzurite({ inMemory: true });
    process.kill(azurite.pid, 'SIGKILL');
    await azurite.stop();
    await azurite.stop();
    expect(lives(azurite.pid)).toBe(false);
  });
});
