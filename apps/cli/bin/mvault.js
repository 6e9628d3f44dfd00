#!/usr/bin/env node
// Plain JavaScript that any Node can read, so that an old one is told what is missing instead of failing on TypeScript.
import * as nodeModule from 'node:module';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major > 22 || (major === 22 && minor >= 18)) {
  // Stripped types are kept between runs: that halves the time a short command takes.
  nodeModule.enableCompileCache?.();
  const { main } = await import('../src/main.ts');
  await main();
} else {
  console.error(
    `mvault needs Node 22.18 or newer; this is ${process.version} (${process.execPath}).\n` +
      'Run it as `npx mvault` where it is installed: npm puts the right Node first in PATH.',
  );
  process.exitCode = 1;
}
