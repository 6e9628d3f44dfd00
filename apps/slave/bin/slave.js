#!/usr/bin/env node
import { launchNode } from '@message-vault/runtime/launch';

await launchNode('slave', () => import('../src/main.ts'));
