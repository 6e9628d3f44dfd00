import { VirtualRuntime } from '@message-vault/runtime/testing';
import { describe, expect, it } from 'vitest';
import { defaultElectionSettings, type ProbeResult } from '../src/index.ts';
import { Prober } from '../src/prober.ts';
import { NodeRuntime } from './node-runtime.ts';

const leader = { version: 1, epoch: 4, nodeId: 'master', url: 'http://master', since: 1 } as const;
const well: ProbeResult = { ok: true, nodeId: 'master', instanceId: 'theirs', role: 'leading', epoch: 4 };

/** A prober whose leader answers as it is told to, after 1 ms; `silence` means never. */
function setUp() {
  const base = new VirtualRuntime();
  const runtime = new NodeRuntime(base);
  const target: { answer: ProbeResult | 'silence' } = { answer: well };
  const sent: number[] = [];
  const verdicts: string[] = [];
  const prober: Prober = new Prober({
    runtime,
    settings: defaultElectionSettings,
    instanceId: 'mine',
    onChange: () => verdicts.push(prober.verdict),
    probes: {
      probe: () => {
        sent.push(base.monotonic());
        const { answer } = target;
        return new Promise((resolve) => {
          if (answer !== 'silence') runtime.setTimer(1, () => resolve(answer));
        });
      },
      askWitness: async () => 'no_answer',
      notify: async () => false,
    },
  });
  prober.watch(leader);
  /** Milliseconds until that is the verdict. */
  async function untilVerdict(verdict: string): Promise<number> {
    const startedAt = base.monotonic();
    while (prober.verdict !== verdict && base.monotonic() - startedAt < 10_000) await base.advance(1);
    expect(prober.verdict).toBe(verdict);
    return base.monotonic() - startedAt;
  }
  return { base, runtime, target, sent, verdicts, prober, untilVerdict };
}

describe('prober', () => {
  it('asks every 250 ms while the leader is well', async () => {
    const { base, sent, prober } = setUp();
    await base.advance(10_000);
    expect(sent).toHaveLength(41);
    expect(prober.verdict).toBe('ok');
  });

  it('has no verdict before the first answer', () => {
    expect(setUp().prober.verdict).toBe('doubtful');
  });

  it('needs three refusals, which take less than half a second', async () => {
    const { base, target, sent, prober, untilVerdict } = setUp();
    await base.advance(1100);
    const before = sent.length;
    target.answer = { ok: false, failure: 'refused' };
    expect(await untilVerdict('unreachable')).toBeLessThan(500);
    expect(sent.length - before).toBe(3);
    expect(prober.failuresInRow).toBe(3);
  });

  it('needs two silences, which take less than a second because probes overlap', async () => {
    const { base, target, prober, untilVerdict } = setUp();
    await base.advance(1001);
    target.answer = 'silence';
    const took = await untilVerdict('unreachable');
    expect(took).toBeLessThan(950);
    expect(prober.failuresInRow).toBe(2);
  });

  it('calls a leader unfit that says three times that it can not lead', async () => {
    const { base, target, untilVerdict, prober } = setUp();
    await base.advance(1000);
    target.answer = { ...well, ok: false, reason: 'the storage does not answer' };
    await untilVerdict('unfit');
    expect(prober.lastReport?.outcome).toBe('the storage does not answer');
  });

  it.each([
    ['stands by', { ...well, role: 'standby' as const }],
    ['leads under an older epoch', { ...well, epoch: 3 }],
    ['starts', { ...well, ok: false, role: 'starting' as const }],
  ])('calls a leader unfit whose node now %s', async (_, answer) => {
    const { base, target, untilVerdict } = setUp();
    await base.advance(1000);
    target.answer = answer;
    await untilVerdict('unfit');
  });

  it('takes one that drains for a leader that is well', async () => {
    const { base, target, prober } = setUp();
    target.answer = { ...well, role: 'draining' };
    await base.advance(5000);
    expect(prober.verdict).toBe('ok');
  });

  it('forgets a lost probe as soon as a later one is answered', async () => {
    const { base, target, prober } = setUp();
    for (let times = 0; times < 20; times++) {
      await base.advance(990);
      target.answer = 'silence';
      await base.advance(20);
      target.answer = well;
      await base.advance(450);
      expect(prober.verdict).not.toBe('unreachable');
    }
    await base.advance(1000);
    expect(prober.verdict).toBe('ok');
  });

  it('is not impressed by two refusals', async () => {
    const { base, target, prober } = setUp();
    await base.advance(990);
    target.answer = { ok: false, failure: 'refused' };
    await base.advance(115);
    expect(prober.failuresInRow).toBe(2);
    target.answer = well;
    await base.advance(300);
    expect(prober.verdict).toBe('ok');
    expect(prober.failuresInRow).toBe(0);
  });

  it('learns nothing from time-outs it slept through itself', async () => {
    const { base, runtime, target, verdicts, prober } = setUp();
    await base.advance(990);
    target.answer = 'silence';
    await base.advance(350);
    runtime.freeze();
    await base.advance(60_000);
    target.answer = well;
    runtime.thaw();
    await base.advance(500);
    expect(verdicts).not.toContain('unreachable');
    expect(prober.verdict).toBe('ok');
  });

  it('draws no conclusion from reaching its own process', async () => {
    const { base, target, prober } = setUp();
    target.answer = { ...well, instanceId: 'mine', role: 'standby' };
    await base.advance(10_000);
    expect(prober.verdict).toBe('doubtful');
    expect(prober.reachesMyself).toBe(true);
  });

  it('notices when the leader answers under a newer epoch', async () => {
    const { base, target, prober } = setUp();
    target.answer = { ...well, epoch: 5 };
    await base.advance(300);
    expect(prober.hasNewEpoch).toBe(true);
  });

  it('starts anew with another leader, and an answer of the old one on its way does not count', async () => {
    const { base, target, sent, prober } = setUp();
    await base.advance(1000);
    target.answer = { ok: false, failure: 'refused' };
    await base.advance(2000);
    expect(prober.verdict).toBe('unreachable');
    while (sent.at(-1) !== base.monotonic()) await base.advance(1);
    target.answer = 'silence';
    prober.watch({ ...leader, epoch: 5 });
    await base.advance(10);
    expect(prober.verdict).toBe('doubtful');
    expect(prober.failuresInRow).toBe(0);
  });

  it('sends nothing when it watches nobody', async () => {
    const { base, sent, prober } = setUp();
    await base.advance(1000);
    prober.watch(undefined);
    const before = sent.length;
    await base.advance(10_000);
    expect(sent).toHaveLength(before);
  });

  it('remembers a bounded number of failures of a leader that is gone for days', async () => {
    const { base, target, prober } = setUp();
    target.answer = { ok: false, failure: 'refused' };
    await base.advance(600_000);
    expect(prober.failuresInRow).toBeLessThanOrEqual(10);
  });
});
