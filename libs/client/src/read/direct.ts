import type { PageStore } from '@message-vault/storage';
import { VaultClientError } from '../errors.ts';
import type { ClientContext } from '../exchange.ts';
import type { ReadChunk } from './chunks.ts';
import type { ReadFrom } from './start.ts';

export interface DirectSource {
  chunks(from: ReadFrom, maxBytes: number): AsyncGenerator<ReadChunk, void, undefined>;
  close(): void;
}

export function openDirect(
  _context: ClientContext,
  _options: {
    stream: string;
    openPages: ((url: string) => PageStore) | undefined;
    giveUpAfterMs: number;
    signal: AbortSignal;
  },
): Promise<DirectSource> {
  return Promise.reject(new VaultClientError('unsupported', 'not yet'));
}
