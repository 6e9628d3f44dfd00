// Plain JavaScript in words every Node that knows modules can read, so that an old one is told what is missing instead of
// failing on TypeScript, or on an import it does not have. It stays plain for speed too: with the kept code at hand, Node
// finds all types stripped already and never loads what strips them: a third of the time to start, and 20 MiB.
import * as nodeModule from 'node:module';
import { fileURLToPath } from 'node:url';

/** Runs `main`, which imports a node's program, with the code that Node has compiled kept inside this install. */
export function launchNode(role, main) {
  return launch({
    name: `The ${role}`,
    hint: 'npm has installed the right one as node_modules/.bin/node.',
    // Beside the packages, where nobody writes who could not change the code.
    cacheDir: fileURLToPath(new URL('../../../node_modules/.cache/message-vault', import.meta.url)),
    main,
  });
}

/**
 * Runs `main`, which imports the TypeScript and is the first to do so. Under a Node that can't run it, says on stderr what
 * `name` needs and `hint`, how to get it, and the program ends with 1. Compiled code is kept in `cacheDir`; without one,
 * where Node keeps it (NODE_COMPILE_CACHE, or the temp folder).
 */
export async function launch({ name, hint, cacheDir, main }) {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 22 || (major === 22 && minor < 18)) {
    const here = `this is ${process.version} (${process.execPath})`;
    console.error(`${name} needs Node 22.18 or newer; ${here}.\n${hint}`);
    process.exitCode = 1;
    return;
  }
  nodeModule.enableCompileCache(cacheDir);
  await main();
}
