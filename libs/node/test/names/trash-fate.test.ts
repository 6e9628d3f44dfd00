import { parsePolicy, type TrashDocument } from '@message-vault/metadata';
import { VirtualRuntime } from '@message-vault/runtime/testing';
import { expect, it } from 'vitest';
import { contentsIdOf, contentsOf } from '../../src/names/identity.ts';
import { fateOf } from '../../src/names/name-rounds.ts';
import type { StoredName } from '../../src/names/name-store.ts';
import { newDocument } from '../../src/names/new-documents.ts';

const HOUR_MS = 3_600_000;
const runtime = new VirtualRuntime({ seed: 1 });
const document = (role: string) => newDocument(runtime, 'work', parsePolicy({ role }), 1);
const queue = document('queue');
const stored = (record: StoredName['record']): StoredName => ({ record, etag: 'e' });

const NAMES: Readonly<Record<string, StoredName | undefined>> = {
  'has these contents': stored(queue),
  'has others': stored(document('queue')),
  'has a role without contents': stored(document('connection-point')),
  'lost its role': stored({ version: 1, name: 'work', role: 'none', removedAt: 0, removedByEpoch: 1 }),
  'was never written': undefined,
};
const STATES = ['making', 'removing'] as const;
const NOTES = { 'with contents': contentsIdOf(queue), 'without contents': undefined };

const rows = Object.keys(NAMES).flatMap((name) =>
  STATES.flatMap((state) =>
    Object.keys(NOTES).flatMap((note) => [false, true].map((old) => ({ name, state, note, old }))),
  ),
);

it.each(rows)('a note of $state $note, old: $old, of a name that $name', ({ name, state, note, old }) => {
  const identity = note === 'with contents' ? NOTES['with contents'] : undefined;
  const at = runtime.now();
  const trash: TrashDocument = {
    version: 1,
    id: '0b5e6c0e-7f3a-4c39-9d56-0a1b2c3d4e5f',
    name: 'work',
    state,
    identity,
    ...contentsOf(queue),
    at,
  };
  const record = NAMES[name]?.record;
  const hasRole = record !== undefined && record.role !== 'none';
  const inUse = hasRole && (identity === undefined || name === 'has these contents');
  const fate = fateOf(trash, NAMES[name], old ? at + HOUR_MS + 1 : at + HOUR_MS);
  // Never what is in use, and never what a late write could still make use of.
  if (inUse) expect(fate).toBe(old ? 'forget' : 'wait');
  else if (state === 'making' && !old) expect(fate).toBe('wait');
  else expect(fate).toBe(old ? 'empty_and_erase' : 'empty');
});
