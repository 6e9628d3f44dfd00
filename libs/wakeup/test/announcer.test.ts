import type { LandedCommit } from '@message-vault/log';
import { VirtualRuntime } from '@message-vault/runtime/testing';
import { describe, expect, it } from 'vitest';
import { Announcer, type Growth } from '../src/announcer.ts';
import { landed } from './landed.ts';

/** A transport whose sends are answered by hand. */
function setUp(limits: { maxStreams?: number; maxPerSend?: number } = {}) {
  const runtime = new VirtualRuntime();
  const sends: {
    growth: readonly Growth[];
    commit: LandedCommit | undefined;
    answer: (answer: 'sent' | 'not_ready' | Error) => void;
  }[] = [];
  const announcer = new Announcer({
    runtime,
    pauseMs: 2,
    maxStreams: limits.maxStreams ?? 100,
    maxPerSend: limits.maxPerSend ?? 10,
    send: (growth, commit) =>
      new Promise((resolve, reject) => {
        const answer = (given: 'sent' | 'not_ready' | Error): void => {
          if (given instanceof Error) reject(given);
          else resolve(given);
        };
        sends.push({ growth, commit, answer });
      }),
  });
  return { runtime, sends, announcer };
}

describe('announcer', () => {
  it('sends the first announcement at once', () => {
    const { sends, announcer } = setUp();
    announcer.announce('a', 7);
    expect(sends.map((send) => send.growth)).toEqual([[['a', 7]]]);
  });

  it('has one send in flight and joins what comes meanwhile to the newest page of each stream', async () => {
    const { runtime, sends, announcer } = setUp();
    for (let page = 1; page <= 1000; page++) {
      announcer.announce('hot', page);
      if (page % 100 === 0) announcer.announce('warm', page);
    }
    expect(sends).toHaveLength(1);
    sends[0]?.answer('sent');
    await runtime.advance(2);
    expect(sends).toHaveLength(2);
    expect(new Map(sends[1]?.growth)).toEqual(
      new Map([
        ['hot', 1000],
        ['warm', 1000],
      ]),
    );
  });

  it('sends a commit with what goes out at once, never with what has waited', async () => {
    const { runtime, sends, announcer } = setUp();
    const [first, second, third] = [landed('1'), landed('2'), landed('3')] as const;
    announcer.announce('a', 1, first);
    announcer.announce('a', 2, second);
    sends[0]?.answer('sent');
    await runtime.advance(2);
    sends[1]?.answer('sent');
    await runtime.advance(2);
    announcer.announce('a', 3, third);
    expect(sends.map(({ growth, commit }) => [growth, commit])).toEqual([
      [[['a', 1]], first],
      [[['a', 2]], undefined],
      [[['a', 3]], third],
    ]);
  });

  it('announces by its page alone what could not be sent with its commit', async () => {
    const { runtime, sends, announcer } = setUp();
    announcer.announce('a', 1, landed('1'));
    sends[0]?.answer('not_ready');
    await runtime.advance(2);
    announcer.sendWaiting();
    expect(sends.map(({ growth, commit }) => [growth, commit])[1]).toEqual([[['a', 1]], undefined]);
  });

  it('pauses between sends', async () => {
    const { runtime, sends, announcer } = setUp();
    announcer.announce('a', 1);
    sends[0]?.answer('sent');
    await runtime.advance(1);
    announcer.announce('a', 2);
    expect(sends).toHaveLength(1);
    await runtime.advance(1);
    expect(sends).toHaveLength(2);
  });

  it('keeps what could not be sent, the newest page of each stream, until the transport is ready', async () => {
    const { runtime, sends, announcer } = setUp();
    announcer.announce('a', 1);
    announcer.announce('b', 5);
    sends[0]?.answer('not_ready');
    await runtime.advance(0);
    announcer.announce('a', 2);
    await runtime.advance(2);
    sends[1]?.answer('not_ready');
    await runtime.advance(100);
    const before = sends.length;
    announcer.sendWaiting();
    expect(sends).toHaveLength(before + 1);
    expect(new Map(sends.at(-1)?.growth)).toEqual(
      new Map([
        ['a', 2],
        ['b', 5],
      ]),
    );
  });

  it('does not miss a transport that becomes ready while a send is being refused', async () => {
    const { runtime, sends, announcer } = setUp();
    announcer.announce('a', 1);
    announcer.sendWaiting();
    sends[0]?.answer('not_ready');
    announcer.sendWaiting();
    await runtime.advance(2);
    announcer.sendWaiting();
    expect(sends.at(-1)?.growth).toEqual([['a', 1]]);
    expect(sends.length).toBeGreaterThan(1);
  });

  it('goes on after a send that failed, counting what it lost', async () => {
    const { runtime, sends, announcer } = setUp();
    announcer.announce('a', 1);
    sends[0]?.answer(new Error('reset'));
    await runtime.advance(2);
    announcer.announce('a', 2);
    expect(sends).toHaveLength(2);
    expect(announcer.counts).toEqual({ sent: 0, dropped: 1 });
  });

  it('holds no more streams than its bound while the transport hangs', () => {
    const { announcer } = setUp({ maxStreams: 3 });
    for (let stream = 0; stream < 10; stream++) announcer.announce(`s${stream}`, 1);
    // The first one left with the send that hangs.
    expect(announcer.counts.dropped).toBe(6);
  });

  it('sends no more streams at once than its bound', async () => {
    const { runtime, sends, announcer } = setUp({ maxPerSend: 4 });
    for (let stream = 0; stream < 10; stream++) announcer.announce(`s${stream}`, 1);
    for (let round = 0; round < 4; round++) {
      sends[round]?.answer('sent');
      await runtime.advance(2);
    }
    expect(sends.map((send) => send.growth.length)).toEqual([1, 4, 4, 1]);
  });

  it('sends nothing after it was closed', async () => {
    const { runtime, sends, announcer } = setUp();
    announcer.announce('a', 1);
    announcer.announce('a', 2);
    announcer.close();
    sends[0]?.answer('sent');
    await runtime.advance(10);
    announcer.announce('a', 3);
    expect(sends).toHaveLength(1);
  });
});
