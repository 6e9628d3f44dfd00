#!/usr/bin/env node
import { launchNode } from '@message-vault/runtime/launch';

await launchNode('master', () => import('../src/main.ts'));
