#!/usr/bin/env node
import { launch } from '@message-vault/runtime/launch';

await launch({
  name: 'mvault',
  hint: 'Run it as `npx mvault` where it is installed: npm puts the right Node first in PATH.',
  main: async () => {
    const { main } = await import('../src/main.ts');
    await main();
  },
});
