#!/usr/bin/env node
import { launchNode } from '@message-vault/runtime/launch';

await launchNode('reader', () => import('../src/main.ts'));
