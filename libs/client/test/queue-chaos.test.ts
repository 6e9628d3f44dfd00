import { expect, onTestFinished, test } from 'vitest';
import { createClient } from '../src/index.ts';
import { BusPeer } from './support/bus-peer.ts';

/** A small generator of its own, so that a failing run can be run again. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

for (const seed of [1, 2, 3, 4]) {
  test(`whatever connections break before or after a request was acted on, every message is handled and settled (seed ${seed})`, async () => {
    const chance = random(seed);
    const peer = await BusPeer.start();
    peer.lockMs = 400;
    peer.instead = (request, response) => {
      if (request.url?.startsWith('/-/')) return false;
      const fate = chance();
      if (fate < 0.1) {
        request.socket.destroy();
        return true;
      }
      // It is done, and the answer does not get through.
      if (fate < 0.2) response.end = () => request.socket.destroy() && response;
      return false;
    };
    const client = createClient({ urls: [peer.url] });
    onTestFinished(async () => {
      await client.close();
      await peer[Symbol.asyncDispose]();
    });
    const messages = Array.from({ length: 40 }, (_, index) => ({
      id: `m${index}`,
      key: null,
      headers: {},
      value: index,
    }));
    peer.put(...messages);
    const handled = new Set<string>();
    const stop = new AbortController();
    // Not looked at by the handlers: the last two may be handled at once, and neither would see the other's done.
    const watch = setInterval(() => {
      if (peer.messages.filter(({ gone }) => !gone).length <= 1) stop.abort();
    }, 10);
    onTestFinished(() => clearInterval(watch));
    await client.queue('q').consume(
      async (message, { signal }) => {
        await new Promise((resolve) => setTimeout(resolve, chance() * 20));
        if (chance() < 0.1) throw new Error('not now');
        if (!signal.aborted) handled.add(message.id);
      },
      { concurrency: 5, signal: stop.signal, retryInitialMs: 0, onProblem: () => {} },
    );
    // The last one may have been given back, or its acknowledgement lost.
    const settled = peer.messages.filter(({ gone }) => gone).map(({ id }) => id);
    expect(settled.length).toBeGreaterThanOrEqual(messages.length - 1);
    for (const id of settled) expect(handled).toContain(id);
  });
}
