import { describe, expect, it } from 'vitest';
import { Cluster } from './cluster.ts';

/** A master that leads and a slave that stands by, with a reader as witness unless told otherwise. */
async function pair(options: { witness?: boolean; seed?: number; busy?: boolean } = {}) {
  const cluster = new Cluster(options);
  const busy = options.busy ?? false;
  const master = cluster.start('master', { wantsToLead: true, busy });
  const slave = cluster.start('slave', { busy });
  if (options.witness ?? true) cluster.startWitness('reader');
  await cluster.untilLeads('master', 1000);
  await cluster.until(() => slave.role === 'standby', 2000);
  await cluster.advance(3000);
  return { cluster, master, slave };
}

describe('takeover', () => {
  it('a killed leader is replaced in well under a second', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const { cluster, master } = await pair({ seed });
      await cluster.advance(seed * 13);
      master.kill();
      expect(await cluster.untilLeads('slave')).toBeLessThan(600);
      expect(cluster.led.map((line) => line.name)).toEqual(['master', 'slave']);
    }
  });

  it('a frozen leader is replaced in about a second, and steps down by itself when it goes on', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const { cluster, master, slave } = await pair({ seed, busy: true });
      await cluster.advance(seed * 13);
      master.runtime.freeze();
      expect(await cluster.untilLeads('slave')).toBeLessThan(1000);
      await cluster.advance(30_000);
      const before = master.scribe?.acknowledged.length;
      master.runtime.thaw();
      await cluster.advance(500);
      expect(master.role).toBe('standby');
      expect(master.scribe?.acknowledged.length).toBe(before);
      await cluster.advance(60_000);
      expect(cluster.led.map((line) => line.name)).toEqual(['master', 'slave']);
      expect(slave.isLeading).toBe(true);
    }
  });
});
