import { Cluster, type NodeSetup } from './cluster.ts';

/** A master that leads and a slave that stands by, with a reader as witness unless told otherwise. */
export async function pair(
  options: { witness?: boolean; seed?: number; busy?: boolean; master?: NodeSetup; slave?: NodeSetup } = {},
) {
  const cluster = new Cluster(options);
  const { busy = false } = options;
  const master = cluster.start('master', { wantsToLead: true, busy, ...options.master });
  const slave = cluster.start('slave', { busy, ...options.slave });
  if (options.witness ?? true) cluster.startWitness('reader');
  await cluster.untilLeads('master', 1000);
  await cluster.until(() => slave.role === 'standby', 2000);
  await cluster.advance(3000);
  return { cluster, master, slave };
}

/** Seeds shift everything against everything else: what holds only for one timing is found out. */
export const SEEDS = Array.from({ length: 10 }, (_, index) => index + 1);
