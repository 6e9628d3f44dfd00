import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const run = promisify(execFile);
const PROGRAM = fileURLToPath(new URL('support/short-lived-buffers.ts', import.meta.url));

/** How often the whole heap was collected while 512 MiB of buffers came and went. */
async function fullCollections(...args: string[]): Promise<number> {
  const { stdout } = await run(process.execPath, [PROGRAM, ...args]);
  return Number(stdout);
}

it('collects buffers that came and went without going through the whole heap each time', async () => {
  const [tuned, untuned] = [await fullCollections('tuned'), await fullCollections()];
  expect(untuned).toBeGreaterThan(3);
  expect(tuned).toBeLessThan(untuned / 2);
});
