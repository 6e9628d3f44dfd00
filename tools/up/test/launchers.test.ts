import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const repository = fileURLToPath(new URL('../../../', import.meta.url));
const CACHE = join('node_modules', '.cache', 'message-vault');

describe.each(['master', 'slave', 'reader'])('the program that starts a %s', (app) => {
  let dir: string;

  /** An install with nothing in it but this program and what starts it, and a main.ts that says it was reached and with what. */
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'mvault-launchers-'));
    const home = join(dir, 'apps', app);
    await mkdir(join(home, 'src'), { recursive: true });
    await cp(join(repository, 'apps', app, 'bin'), join(home, 'bin'), { recursive: true });
    await cp(join(repository, 'apps', app, 'package.json'), join(home, 'package.json'));
    const runtime = join(dir, 'libs', 'runtime');
    await mkdir(join(runtime, 'src'), { recursive: true });
    for (const file of ['package.json', 'src/launch.js'])
      await cp(join(repository, 'libs', 'runtime', file), join(runtime, file));
    await mkdir(join(dir, 'node_modules', '@message-vault'), { recursive: true });
    await symlink(runtime, join(dir, 'node_modules', '@message-vault', 'runtime'), 'junction');
    const main = 'const given: string[] = process.argv.slice(2);\nconsole.log("started", ...given);\n';
    await writeFile(join(home, 'src', 'main.ts'), main);
  });

  afterEach(() => rm(dir, { recursive: true, force: true }));

  async function start(): Promise<string> {
    const { NODE_COMPILE_CACHE: _, ...env } = process.env;
    const program = join(dir, 'apps', app, 'bin', `${app}.js`);
    const { stdout } = await promisify(execFile)(process.execPath, [program, '--flag'], { env });
    return stdout;
  }

  it('keeps what Node has compiled inside the install', async () => {
    expect(await start()).toBe('started --flag\n');
    expect(await readdir(join(dir, CACHE))).toHaveLength(1);
  });

  it('starts all the same where nothing can be written', async () => {
    await writeFile(join(dir, 'node_modules', '.cache'), 'a file where the folder would be');
    expect(await start()).toBe('started --flag\n');
  });
});
