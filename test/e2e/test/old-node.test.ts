import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const OLD = 'Object.defineProperty(process,"versions",{value:{...process.versions,node:"22.17.1"}})';

test.each([
  ['apps/master/bin/master.js', 'The master'],
  ['apps/slave/bin/slave.js', 'The slave'],
  ['apps/reader/bin/reader.js', 'The reader'],
  ['apps/cli/bin/mvault.js', 'mvault'],
])('%s says to an old Node what it needs', (path, name) => {
  const program = fileURLToPath(new URL(`../../../${path}`, import.meta.url));
  const { status, stderr } = spawnSync(
    process.execPath,
    ['--import', `data:text/javascript,${encodeURIComponent(OLD)}`, program, '--help'],
    { encoding: 'utf8' },
  );
  expect(stderr).toContain(`${name} needs Node 22.18 or newer`);
  expect(status).toBe(1);
});
