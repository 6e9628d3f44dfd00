import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const OLD = 'Object.defineProperty(process,"versions",{value:{...process.versions,node:"22.17.1"}})';

test.each(['master', 'slave', 'reader'])('the %s says to an old Node what it needs', (app) => {
  const program = fileURLToPath(new URL(`../../../apps/${app}/bin/${app}.js`, import.meta.url));
  const { status, stderr } = spawnSync(
    process.execPath,
    ['--import', `data:text/javascript,${encodeURIComponent(OLD)}`, program, '--help'],
    { encoding: 'utf8' },
  );
  expect(stderr).toContain(`The ${app} needs Node 22.18 or newer`);
  expect(status).toBe(1);
});
