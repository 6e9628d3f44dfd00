import { LEADER_PATH } from '@message-vault/metadata';
import { describe, expect, it } from 'vitest';
import { pair } from './pair.ts';

describe('a handover that nobody completes', () => {
  it('and that ends in fail-stop is followed by one step down, so that nothing is held for good', async () => {
    const { cluster, master, slave } = await pair();
    const handover = master.election.handover();
    await cluster.until(() => master.role === 'draining');
    slave.kill();
    const stored = await cluster.storage.documents.get(LEADER_PATH);
    await cluster.storage.documents.delete(LEADER_PATH, { ifMatch: stored?.etag ?? '' });
    expect(await cluster.runtime.run(handover)).toEqual({ done: false, reason: 'nobody took over' });
    expect(master.role).toBe('fenced');
    expect(master.events.slice(0, 3)).toEqual(['lead 1', 'drain', 'alarm leader_document_missing']);
    expect(master.events.slice(3)).toEqual([expect.stringMatching(/^stepDown /)]);
  });

  it('and after which it can not begin to lead either is followed by one step down', async () => {
    let times = 0;
    const lead = (): Promise<void> => {
      times += 1;
      if (times > 1) throw new Error('no disk');
      return Promise.resolve();
    };
    const { cluster, master, slave } = await pair({ master: { lead } });
    const handover = master.election.handover();
    await cluster.until(() => master.role === 'draining');
    slave.kill();
    await cluster.runtime.run(handover);
    expect(master.events).toEqual(['lead 1', 'drain', 'lead 2', 'stepDown could not begin to lead: no disk']);
  });
});
