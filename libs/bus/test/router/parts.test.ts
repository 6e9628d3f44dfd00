import { VirtualRuntime } from '@message-vault/runtime/testing';
import { faultyStorage, memoryStorage } from '@message-vault/storage';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Alarms } from '../../src/router/alarms.ts';
import { backOffMs } from '../../src/router/back-off.ts';
import { backlogOf } from '../../src/router/backlog.ts';
import { ClaimedDocument } from '../../src/router/claimed-document.ts';
import { reaches } from '../../src/router/cycles.ts';
import { isIn, withGap } from '../../src/router/gaps.ts';
import { currentShares, emptyOne, join, leave, ownerOf, prune } from '../../src/router/one-plan.ts';
import { chooseOne } from '../../src/router/rendezvous.ts';
import { Suspensions } from '../../src/router/suspensions.ts';
import { Window } from '../../src/router/window.ts';
import { text } from './support/world.ts';

const place = (at: number) => ({ offset: at, sequenceNumber: at });

describe('the pause before the next try', () => {
  it('doubles up to a bound, with half of it left to chance, and is never shorter than what was asked for', () => {
    expect([1, 2, 3, 8, 100].map((failures) => backOffMs(failures, 0.999_999))).toEqual([
      500, 1000, 2000, 60_000, 60_000,
    ]);
    expect(backOffMs(3, 0)).toBe(1000);
    expect(backOffMs(1, 0, { askedMs: 30_000 })).toBe(30_000);
    expect(backOffMs(1, 0, { askedMs: 1e9 })).toBe(3_600_000);
  });
});

describe('members that are left out for failing', () => {
  const pump = {
    cursor: place(0),
    next: place(0),
    reached: 0,
    lastError: undefined,
    failing: true,
    kick: () => {},
    stop: () => Promise.resolve(),
  };

  it('are forgotten once they are forgiven: listeners come under ever new ids', async () => {
    const runtime = new VirtualRuntime({ seed: 1 });
    const suspensions = new Suspensions(runtime);
    suspensions.add('gone', pump);
    await runtime.advance(600_000);
    suspensions.add('lately', pump);
    expect(suspensions.members).toEqual(['gone', 'lately']);
    await runtime.advance(300_000);
    suspensions.add('now', pump);
    expect(suspensions.members).toEqual(['lately', 'now']);
  });
});

describe('who a message is for', () => {
  it('is about as often one as the other, and changes only for the messages of who has gone', () => {
    const candidates = ['0', '1', '2', '3'];
    const counts = new Map<string, number>();
    for (let at = 0; at < 4000; at += 1) {
      const chosen = chooseOne(at, candidates) ?? '';
      counts.set(chosen, (counts.get(chosen) ?? 0) + 1);
      const without = chooseOne(at, candidates.slice(1));
      if (chosen !== '0') expect(without).toBe(chosen);
    }
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(150);
    expect(chooseOne(1, [])).toBeUndefined();
  });

  it('stays as it is whoever comes and goes later', () => {
    const everything = (): boolean => true;
    const changes = fc.array(fc.tuple(fc.nat(4), fc.nat(9)), { maxLength: 12 });
    fc.assert(
      fc.property(changes, (steps) => {
        const one = emptyOne();
        const owners = new Map<number, string | undefined>();
        let decided = 0;
        for (const [who, more] of steps) {
          const id = `member ${who}`;
          const share = currentShares(one).find((each) => one.shares[each]?.member === id);
          if (share === undefined) join(one, { id, kind: 'listener', filter: undefined }, place(decided));
          else leave(one, id, place(decided));
          if (currentShares(one).length === 0) continue;
          for (let at = decided; at < decided + more; at += 1)
            owners.set(at, ownerOf(one, { ...place(at), headers: [] }, everything));
          decided += more;
        }
        for (const [at, owner] of owners) {
          expect(owner).toBeDefined();
          expect(ownerOf(one, { ...place(at), headers: [] }, everything)).toBe(owner);
        }
      }),
    );
  });

  it('is forgotten once everybody has passed it', () => {
    const one = emptyOne();
    for (const [at, id] of ['a', 'b', 'c'].entries())
      join(one, { id, kind: 'push', filter: undefined }, place(at * 10));
    leave(one, 'a', place(30));
    for (const share of Object.values(one.shares)) share.cursor = place(40);
    prune(one);
    expect(one.eras).toEqual([{ from: place(30), shares: ['1', '2'] }]);
    expect(Object.keys(one.shares)).toEqual(['1', '2']);
    expect(Object.keys(one.members)).toEqual(['b', 'c']);
  });
});

describe('a window', () => {
  it('has its cursor before the first message that is not done, in whatever order they are done', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(30), { maxLength: 30 }), (order) => {
        const window = new Window(place(0));
        const entries = Array.from({ length: 31 }, (_, at) =>
          window.add({ ...text(`${at}`), ...place(at), timestamp: 0, id: '' }),
        );
        for (const at of order) {
          const entry = entries[at];
          if (entry !== undefined) window.finish(entry);
        }
        const first = entries.findIndex(({ offset }) => !order.includes(offset));
        expect(window.cursor).toEqual(place(first < 0 ? 31 : first));
        expect(window.doneBeyond().toSorted((a, b) => a - b)).toEqual(
          order.filter((at) => at > first && first >= 0).toSorted((a, b) => a - b),
        );
      }),
    );
  });
});

describe('alarms', () => {
  it('go off in order on one timer, can be moved and taken back, and don’t go off after the end', async () => {
    const runtime = new VirtualRuntime();
    let timers = 0;
    const counting = {
      now: () => runtime.now(),
      monotonic: () => runtime.monotonic(),
      random: () => runtime.random(),
      randomBytes: (count: number) => runtime.randomBytes(count),
      setTimer: (delayMs: number, fire: () => void) => {
        timers += 1;
        return runtime.setTimer(delayMs, fire);
      },
    };
    const alarms = new Alarms(counting);
    const rung: string[] = [];
    for (const [key, at] of Object.entries({ c: 30, a: 10, b: 20, moved: 5, off: 1 }))
      alarms.set(key, at, () => rung.push(key));
    alarms.set('moved', 40, () => rung.push('moved'));
    alarms.setSooner('moved', 50, () => rung.push('too late'));
    alarms.clear('off');
    for (let index = 0; index < 1000; index += 1) alarms.set(index, 60, () => rung.push('many'));
    const before = timers;
    await runtime.advance(45);
    expect(rung).toEqual(['a', 'b', 'c', 'moved']);
    expect(timers - before).toBeLessThan(10);
    alarms.stop();
    await runtime.advance(100);
    expect(rung).toHaveLength(4);
  });
});

it('forgets alarms that were taken back long before they were due', () => {
  const alarms = new Alarms(new VirtualRuntime());
  for (let at = 0; at < 10; at += 1) alarms.set(at, 86_400_000, () => {});
  for (let round = 0; round < 50_000; round += 1) {
    alarms.set('again', 3_600_000, () => {});
    alarms.clear('again');
  }
  expect(alarms.size).toBe(10);
  expect(alarms.held).toBeLessThan(2000);
  alarms.stop();
});

describe('a document that belongs to one leader', () => {
  const codec = {
    encode: (body: { epoch: number; value: string }) => new TextEncoder().encode(JSON.stringify(body)),
    parse: (bytes: Uint8Array): { epoch: number; value: string } =>
      JSON.parse(new TextDecoder().decode(bytes)),
  };

  it('is lost to the next leader at its claim: nothing an older one saves arrives any more', async () => {
    const runtime = new VirtualRuntime();
    const storage = memoryStorage({ runtime });
    const losses: string[] = [];
    const claim = (epoch: number) =>
      ClaimedDocument.claim({
        documents: storage.documents,
        runtime,
        alarms: new Alarms(runtime),
        path: 'doc',
        epoch,
        codec,
        initial: () => ({ epoch, value: 'first' }),
        saveEveryMs: 100,
        onLost: (reason) => losses.push(reason),
        signal: new AbortController().signal,
      });
    const older = await runtime.run(claim(1));
    const newer = await runtime.run(claim(2));
    older.body.value = 'late';
    await expect(runtime.run(older.durable())).rejects.toMatchObject({ code: 'not_leader' });
    newer.body.value = 'second';
    newer.touch();
    await runtime.advance(200);
    const stored = await storage.documents.get('doc');
    expect(codec.parse(stored?.body ?? new Uint8Array())).toEqual({ epoch: 2, value: 'second' });
    expect(losses).toEqual(['epoch 2 has claimed doc']);
    await expect(runtime.run(claim(1))).rejects.toMatchObject({ code: 'not_leader' });
  });
});

it('a document is tried at intervals while nobody can say why it may not be written', async () => {
  const runtime = new VirtualRuntime();
  const inner = memoryStorage({ runtime });
  let tries = 0;
  const { documents } = faultyStorage(
    inner,
    ({ operation }) => {
      if (operation === 'documents.put') tries += 1;
      // Were it tried without a pause, it would go on for ever.
      if (tries <= 1 || tries > 1000) return undefined;
      return { kind: 'refuse', code: operation === 'documents.put' ? 'etag_mismatch' : 'unavailable' };
    },
    { runtime },
  );
  const document = await runtime.run(
    ClaimedDocument.claim({
      documents,
      runtime,
      alarms: new Alarms(runtime),
      path: 'doc',
      epoch: 1,
      codec: {
        encode: (body: { epoch: number }) => Buffer.from(JSON.stringify(body)),
        parse: (bytes) => JSON.parse(Buffer.from(bytes).toString()),
      },
      initial: () => ({ epoch: 1 }),
      saveEveryMs: 100,
      onLost: () => {},
      signal: new AbortController().signal,
    }),
  );
  document.touch();
  await runtime.advance(10_000);
  expect(tries).toBeGreaterThan(3);
  expect(tries).toBeLessThan(20);
});

it('finds out whether one router reaches another, also where ways meet', () => {
  const ways: Record<string, string[]> = { a: ['b', 'c'], b: ['d'], c: ['d'], d: ['e'], e: [] };
  const edges = (id: string): string[] => ways[id] ?? [];
  expect(reaches('a', 'e', edges)).toBe(true);
  expect(reaches('e', 'a', edges)).toBe(false);
  expect(reaches('x', 'x', edges)).toBe(true);
});

it('counts what waits without what was discarded', () => {
  let gaps = withGap([], { from: place(5), to: place(8) }, 0);
  gaps = withGap(gaps, { from: place(8), to: place(9) }, 0);
  expect(gaps).toEqual([{ from: place(5), to: place(9) }]);
  expect(isIn(gaps, 8) && !isIn(gaps, 9) && !isIn(gaps, 4)).toBe(true);
  expect(backlogOf(place(0), place(12), gaps).messages).toBe(8);
  expect(backlogOf(place(7), place(12), gaps).messages).toBe(3);
  expect(withGap(gaps, { from: place(20), to: place(21) }, 9)).toEqual([{ from: place(20), to: place(21) }]);
});
