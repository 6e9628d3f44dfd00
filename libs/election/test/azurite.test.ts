import { randomUuid, systemRuntime } from '@message-vault/runtime';
import { azureStorage, type Storage } from '@message-vault/storage';
import { type Azurite, startAzurite } from '@message-vault/storage/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createElection, type Election, type ProbePort } from '../src/index.ts';
import { NodeRuntime } from './node-runtime.ts';

const until = { timeout: 20_000, interval: 5 };

interface LiveNode {
  readonly election: Election;
  readonly runtime: NodeRuntime;
  readonly events: string[];
}

describe('over real storage and in real time', () => {
  let azurite: Azurite;
  const nodes = new Map<string, LiveNode>();
  const storages: Storage[] = [];

  beforeAll(async () => {
    azurite = await startAzurite({ inMemory: true });
  });
  afterAll(async () => {
    await azurite.stop();
  });
  afterEach(async () => {
    await Promise.all(
      [...nodes.values()].map((node) => (node.runtime.isKilled ? undefined : node.election.stop())),
    );
    nodes.clear();
    await Promise.all(storages.splice(0).map((storage) => storage.close()));
  });

  /** Nodes of one process ask each other directly; a killed one refuses. */
  const probes: ProbePort = {
    async probe(url) {
      const node = nodes.get(url);
      if (node === undefined || node.runtime.isKilled) return { ok: false, failure: 'refused' };
      const { nodeId, instanceId, role, epoch, readiness } = node.election.state();
      return { ok: readiness.ready, nodeId, instanceId, role, epoch, reason: readiness.reason };
    },
    askWitness: async () => 'no_answer',
    notify: async (url, hint) => (await nodes.get(url)?.election.hint(hint)) ?? false,
  };

  function start(name: string, systemContainer: string): LiveNode {
    const runtime = new NodeRuntime(systemRuntime);
    const storage = azureStorage({ connectionString: azurite.connectionString, systemContainer });
    storages.push(storage);
    const url = `http://${name}`;
    const events: string[] = [];
    const election = createElection({
      nodeId: name,
      url,
      wantsToLead: name === 'master',
      leases: storage.leases,
      documents: storage.documents,
      probes,
      witnesses: () => [],
      peers: () => ['http://master', 'http://slave'],
      runtime,
      events: {
        lead: ({ epoch }) => void events.push(`lead ${epoch}`),
        drain: async () => void events.push('drain'),
        stepDown: () => void events.push('stepDown'),
        alarm: (code) => void events.push(`alarm ${code}`),
        changed: () => {},
      },
    });
    const node = { election, runtime, events };
    nodes.set(url, node);
    election.start();
    return node;
  }

  async function pair(): Promise<{ container: string; master: LiveNode; slave: LiveNode }> {
    const container = `mv-${randomUuid(systemRuntime)}`;
    const master = start('master', container);
    await expect.poll(() => master.election.state().role, until).toBe('leading');
    const slave = start('slave', container);
    await expect
      .poll(() => slave.election.state(), until)
      .toMatchObject({ role: 'standby', leader: { epoch: 1 } });
    return { container, master, slave };
  }

  it('a killed leader is replaced, and joins as standby when it is started again', async () => {
    const { container, master, slave } = await pair();
    master.runtime.kill();
    await expect.poll(() => slave.election.state(), until).toMatchObject({ role: 'leading', epoch: 2 });
    const again = start('master', container);
    await expect.poll(() => again.election.state(), until).toMatchObject({ role: 'standby', epoch: 2 });
    expect(slave.events).toEqual(['lead 2']);
  });

  it('a killed leader that is alone and started again does not wait for its own old lease', async () => {
    const container = `mv-${randomUuid(systemRuntime)}`;
    const master = start('master', container);
    await expect.poll(() => master.election.state().role, until).toBe('leading');
    master.runtime.kill();
    const again = start('master', container);
    await expect
      .poll(() => again.election.state(), { ...until, timeout: 5000 })
      .toMatchObject({ role: 'leading', epoch: 2 });
  });

  it('leadership is handed over and back', async () => {
    const { master, slave } = await pair();
    expect(await master.election.handover()).toMatchObject({
      done: true,
      leader: { nodeId: 'slave', epoch: 2 },
    });
    await expect.poll(() => master.election.state().role, until).toBe('standby');
    await expect
      .poll(() => slave.election.handover(), until)
      .toMatchObject({ done: true, leader: { epoch: 3 } });
    // The new leader writes the records, which is what the old one waits for, a moment before it begins to lead.
    await expect.poll(() => master.events, until).toEqual(['lead 1', 'drain', 'stepDown', 'lead 3']);
    expect(slave.events).toEqual(['lead 2', 'drain', 'stepDown']);
  });
});
