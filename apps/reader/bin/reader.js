#!/usr/bin/env node
// Plain JavaScript, so that Node finds all types stripped already and never loads what strips them: a third of the time
// to start, and 20 MiB for as long as it runs. An old Node, which has no such cache, can read it too and says what it lacks.
import * as nodeModule from 'node:module';
import { fileURLToPath } from 'node:url';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major > 22 || (major === 22 && minor >= 18)) {
  // Kept beside the packages, where nobody writes who could not change the code.
  const kept = new URL('../../../node_modules/.cache/message-vault', import.meta.url);
  nodeModule.enableCompileCache?.(fileURLToPath(kept));
  await import('../src/main.ts');
} else {
  console.error(
    `The reader needs Node 22.18 or newer; this is ${process.version} (${process.execPath}).\n` +
      'npm has installed the right one as node_modules/.bin/node.',
  );
  process.exitCode = 1;
}
