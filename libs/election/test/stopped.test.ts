import { describe, expect, it } from 'vitest';
import { pair } from './pair.ts';

describe('a node that has ended', () => {
  it('does not watch a leader it only hears of afterwards', async () => {
    const { cluster, slave } = await pair();
    await cluster.runtime.run(cluster.node('master').election.handover());
    const old = cluster.node('master');
    await cluster.runtime.run(old.election.stop());
    await cluster.advance(1000);
    cluster.start('third');
    await cluster.advance(3000);
    await cluster.runtime.run(slave.election.handover());
    const third = cluster.node('third').election.state();
    const asked = old.election.state().lastProbe;
    const { url } = cluster.node('third');
    await cluster.runtime.run(
      old.election.hint({ kind: 'leader-changed', epoch: third.epoch, nodeId: 'third', url }),
    );
    await cluster.advance(10_000);
    expect(old.election.state().lastProbe).toEqual(asked);
    expect(old.election.state().probesFailed).toBe(0);
  });
});
