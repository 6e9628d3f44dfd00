import { defaultLimits } from '@message-vault/metadata';
import { describe, expect, it } from 'vitest';
import { defaultElectionSettings, electionSettingsSchema } from '../src/index.ts';

describe('settings', () => {
  it('agree with the limits of a node where both name the same thing', () => {
    expect(defaultElectionSettings).toMatchObject(defaultLimits.lease);
  });

  it('take the limits of a node as they are', () => {
    expect(electionSettingsSchema.parse(defaultLimits.lease)).toEqual(defaultElectionSettings);
  });

  it.each([
    ['a lease Azure would not give', { durationSeconds: 10 }],
    ['a lease that one missed renewal would end', { durationSeconds: 15, renewEveryMs: 8000 }],
    ['a single failure that decides', { clearFailures: 1 }],
    ['a name that means nothing', { renewEveryS: 5 }],
  ])('refuse %s', (_, settings) => {
    expect(electionSettingsSchema.safeParse(settings).success).toBe(false);
  });

  it('keep an idle leader below 30 storage calls a minute', () => {
    const { renewEveryMs, checkDocumentEveryMs } = defaultElectionSettings;
    expect(60_000 / renewEveryMs + 60_000 / checkDocumentEveryMs).toBeLessThan(30);
  });
});
