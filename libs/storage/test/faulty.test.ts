import {
  type CallOptions,
  type Fault,
  type FaultPlan,
  faultyStorage,
  memoryStorage,
  randomFaults,
  type Storage,
  type StorageCall,
} from '@message-vault/storage';
import {
  runBodyStoreConformance,
  runDocumentStoreConformance,
  runLeaseStoreConformance,
  runPageStoreConformance,
  runQueueStoreConformance,
} from '@message-vault/storage/conformance';
import { describe, expect, it } from 'vitest';
import { codeOf } from '../src/conformance/outcomes.ts';
import { bytesAt, freshSegment, page, pagesOf } from '../src/conformance/segment.ts';
import { handClock } from './hand-clock.ts';

const noFaults: FaultPlan = () => undefined;

runPageStoreConformance(
  'memory through a plan without faults',
  () => faultyStorage(memoryStorage(), noFaults).pages,
);
runDocumentStoreConformance(
  'memory through a plan without faults',
  () => faultyStorage(memoryStorage(), noFaults).documents,
);
runLeaseStoreConformance('memory through a plan without faults', () => {
  const { runtime, pass } = handClock();
  const { leases } = faultyStorage(memoryStorage({ runtime }), noFaults, { runtime });
  return { leases, outlast: (_, seconds) => pass(seconds * 1000) };
});

runBodyStoreConformance('memory through a plan without faults', () =>
  faultyStorage(memoryStorage(), noFaults),
);
runQueueStoreConformance('memory through a plan without faults', () => {
  const { runtime, pass } = handClock();
  return { queues: faultyStorage(memoryStorage({ runtime }), noFaults, { runtime }).queues, pass };
});

/** A storage whose next call, and only that, goes wrong as `fault` says. */
function oneFault(): {
  clock: ReturnType<typeof handClock>;
  inner: Storage;
  storage: Storage;
  next(fault: Fault): void;
} {
  const clock = handClock();
  const inner = memoryStorage({ runtime: clock.runtime });
  let pending: Fault | undefined;
  const plan: FaultPlan = () => {
    const fault = pending;
    pending = undefined;
    return fault;
  };
  const storage = faultyStorage(inner, plan, { runtime: clock.runtime });
  const next = (fault: Fault): void => {
    pending = fault;
  };
  return { clock, inner, storage, next };
}

/** A segment in such a storage, and a write of ones to its first `count` pages. */
async function oneFaultOnWrite(fault: Fault, count = 1) {
  const set = oneFault();
  const segment = await freshSegment(set.storage.pages);
  set.next(fault);
  const write = (options?: CallOptions): Promise<{ etag: string }> =>
    set.storage.pages.writePages(
      segment.ref,
      0,
      pagesOf(1, count),
      { epoch: 1, etag: segment.etag },
      options,
    );
  return {
    ...set,
    segment,
    write,
    stored: () => bytesAt({ ...segment, store: set.inner.pages }, 0, count * page),
  };
}

describe('faulty storage', () => {
  it('refuses without doing anything, with the code and the time to wait it was told', async () => {
    const { write, stored } = await oneFaultOnWrite({ kind: 'refuse', code: 'throttled', retryAfterMs: 250 });
    await expect(write()).rejects.toMatchObject({ code: 'throttled', retryAfterMs: 250 });
    expect(await stored()).toEqual(pagesOf(0));
    await write();
    expect(await stored()).toEqual(pagesOf(1));
  });

  it('applies a write and loses its answer: the outcome is unknown, and the same write again is refused', async () => {
    const { write, stored } = await oneFaultOnWrite({ kind: 'lose_answer' });
    expect(await codeOf(write())).toBe('outcome_unknown');
    expect(await stored()).toEqual(pagesOf(1));
    expect(await codeOf(write())).toBe('etag_mismatch');
  });

  it('answers a refusal of the storage even where the answer was to be lost', async () => {
    const { storage, segment, next } = await oneFaultOnWrite({ kind: 'delay' });
    await storage.pages.fence(segment.ref, 2);
    next({ kind: 'lose_answer' });
    const conditions = { epoch: 1, etag: segment.etag };
    expect(await codeOf(storage.pages.writePages(segment.ref, 0, pagesOf(1), conditions))).toBe(
      'epoch_fenced',
    );
  });

  it('loses the answer of a read or of a call that may be repeated as unavailable', async () => {
    const { storage, next } = oneFault();
    const { ref } = await freshSegment(storage.pages);
    next({ kind: 'lose_answer' });
    expect(await codeOf(storage.pages.readRange(ref, { offset: 0, length: page }))).toBe('unavailable');
    next({ kind: 'lose_answer' });
    expect(await codeOf(storage.pages.fence(ref, 9))).toBe('unavailable');
    expect(await storage.pages.segmentProperties(ref)).toMatchObject({ epoch: 9 });
  });

  it('lets a write land after its caller gave up, with the bytes it had when it was sent', async () => {
    const { clock, storage, segment, next, stored } = await oneFaultOnWrite({ kind: 'delay' });
    const bytes = pagesOf(1);
    next({ kind: 'land_later', afterMs: 500 });
    const write = storage.pages.writePages(segment.ref, 0, bytes, { epoch: 1, etag: segment.etag });
    bytes.fill(2);
    expect(await codeOf(write)).toBe('outcome_unknown');
    await clock.pass(499);
    expect(await stored()).toEqual(pagesOf(0));
    await clock.pass(1);
    expect(await stored()).toEqual(pagesOf(1));
  });

  it('a write that lands late is refused when a fence came first', async () => {
    const { clock, inner, segment, write, stored } = await oneFaultOnWrite({
      kind: 'land_later',
      afterMs: 500,
    });
    expect(await codeOf(write())).toBe('outcome_unknown');
    await inner.pages.fence(segment.ref, 2);
    await clock.pass(500);
    expect(await stored()).toEqual(pagesOf(0));
  });

  it('repeats a write later, which the ETag it carries refuses', async () => {
    const { clock, inner, segment, write, stored } = await oneFaultOnWrite({ kind: 'repeat', afterMs: 500 });
    const { etag } = await write();
    await inner.pages.writePages(segment.ref, 0, pagesOf(3), { epoch: 1, etag });
    await clock.pass(500);
    expect(await stored()).toEqual(pagesOf(3));
  });

  it('repeats a write later, which lands where nothing but its conditions could stop it', async () => {
    const { clock, storage, inner, next } = oneFault();
    next({ kind: 'repeat', afterMs: 500 });
    const { etag } = await storage.documents.put('leader', pagesOf(1), { ifAbsent: true });
    await inner.documents.delete('leader', { ifMatch: etag });
    await clock.pass(500);
    expect((await inner.documents.get('leader'))?.body).toEqual(pagesOf(1));
  });

  it('delays the request, then the answer', async () => {
    const { clock, write, stored } = await oneFaultOnWrite({ kind: 'delay', beforeMs: 100, afterMs: 100 });
    let answered = false;
    const answer = write().finally(() => {
      answered = true;
    });
    await clock.pass(99);
    expect(await stored()).toEqual(pagesOf(0));
    await clock.pass(1);
    expect([await stored(), answered]).toEqual([pagesOf(1), false]);
    await clock.pass(100);
    expect(answered).toBe(true);
    await answer;
  });

  it('aborted while the request is delayed, does nothing and leaves the outcome unknown', async () => {
    const { clock, write, stored } = await oneFaultOnWrite({ kind: 'delay', beforeMs: 100 });
    const giveUp = new AbortController();
    const code = codeOf(write({ signal: giveUp.signal }));
    giveUp.abort();
    expect(await code).toBe('outcome_unknown');
    await clock.pass(100);
    expect(await stored()).toEqual(pagesOf(0));
  });

  it.each([
    [true, 1],
    [false, 0],
  ])('hangs until aborted, having applied the write or not (%s)', async (applied, value) => {
    const { clock, write, stored } = await oneFaultOnWrite({ kind: 'hang', applied });
    const giveUp = new AbortController();
    let ended = false;
    const code = codeOf(write({ signal: giveUp.signal })).finally(() => {
      ended = true;
    });
    await clock.pass(1_000_000);
    expect(ended).toBe(false);
    giveUp.abort();
    expect(await code).toBe('outcome_unknown');
    expect(await stored()).toEqual(pagesOf(value));
  });

  it('tears a write: its first pages land, the rest does not', async () => {
    const { write, stored } = await oneFaultOnWrite({ kind: 'tear', pages: 2 }, 4);
    expect(await codeOf(write())).toBe('outcome_unknown');
    expect(await stored()).toEqual(Uint8Array.from([...pagesOf(1, 2), ...pagesOf(0, 2)]));
  });

  it('shows the plan every call, in order, with what it is about', async () => {
    const seen: StorageCall[] = [];
    const storage = faultyStorage(memoryStorage(), (call) => void seen.push(call));
    await storage.pages.createContainer('mv-seen');
    await storage.pages.createSegment({ container: 'mv-seen', segment: '7' }, { sizeBytes: page, epoch: 1 });
    await storage.documents.get('names/a');
    expect(seen).toEqual([
      { operation: 'pages.createContainer', effect: 'repeatable', index: 0, target: 'mv-seen' },
      { operation: 'pages.createSegment', effect: 'write', index: 1, target: 'mv-seen', segment: '7' },
      { operation: 'documents.get', effect: 'read', index: 2, target: 'names/a' },
    ]);
  });
});

describe('random faults', () => {
  const call: StorageCall = {
    operation: 'pages.writePages',
    effect: 'write',
    index: 0,
    target: 'mv-x',
    segment: '0',
  };

  /** A runtime whose randomness is a small generator with this seed. */
  function seeded(seed: number) {
    let state = seed;
    const random = (): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state / 2 ** 32;
    };
    return { ...handClock().runtime, random };
  }

  const draw = (
    seed: number,
    rates: Parameters<typeof randomFaults>[1],
    count = 2000,
  ): (Fault | undefined)[] => {
    const plan = randomFaults(seeded(seed), rates);
    return Array.from({ length: count }, () => plan(call));
  };

  it('are the same for the same seed, and others for another', () => {
    const rates = { refuse: 0.2, loseAnswer: 0.2, delay: 0.2 };
    expect(draw(1, rates)).toEqual(draw(1, rates));
    expect(draw(1, rates)).not.toEqual(draw(2, rates));
  });

  it('come about as often as their rates say, within the longest time', () => {
    const faults = draw(7, { refuse: 0.1, landLater: 0.3, maxMs: 50 });
    const share = (kind: Fault['kind']): number =>
      faults.filter((fault) => fault?.kind === kind).length / faults.length;
    expect(share('refuse')).toBeGreaterThan(0.07);
    expect(share('refuse')).toBeLessThan(0.13);
    expect(share('land_later')).toBeGreaterThan(0.26);
    expect(share('land_later')).toBeLessThan(0.34);
    for (const fault of faults) if (fault?.kind === 'land_later') expect(fault.afterMs).toBeLessThan(50);
  });

  it('never come without a rate', () => {
    expect(draw(3, {}).every((fault) => fault === undefined)).toBe(true);
  });

  it('refuse with the code the call would lose its answer with', () => {
    const plan = randomFaults(seeded(1), { refuse: 1 });
    expect(plan(call)).toEqual({ kind: 'refuse', code: 'outcome_unknown' });
    expect(plan({ ...call, effect: 'read' })).toEqual({ kind: 'refuse', code: 'unavailable' });
  });
});
