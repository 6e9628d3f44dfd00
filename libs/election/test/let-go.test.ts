import { LEADER_LEASE } from '@message-vault/metadata';
import { describe, expect, it } from 'vitest';
import { pair } from './pair.ts';

describe('a leader that has let go of its lease', () => {
  it('does not break it once another has taken it, though the document still names the old leader', async () => {
    const { cluster, master, slave } = await pair();
    slave.kill();
    master.election.leadership?.lost('the writer broke');
    await cluster.advance(50);
    // Somebody who takes its time over writing the leader document.
    await cluster.storage.leases.acquire(LEADER_LEASE, crypto.randomUUID(), 15);
    await cluster.advance(10_000);
    expect(master.link.count('break')).toBe(0);
    expect(await cluster.storage.leases.isHeld(LEADER_LEASE)).toBe(true);
    // And that died over it: the lease has run out.
    expect(await cluster.untilLeads('master')).toBeLessThan(11_000);
  });
});
