import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { stopSignals } from '../src/stop-signals.ts';

/** Signals that come when the test says. */
function signals() {
  const source = new EventEmitter();
  let timeMs = 5_000;
  let cutShort = 0;
  const stop = stopSignals(source, () => timeMs);
  stop.onImpatience(() => {
    cutShort += 1;
  });
  return {
    stop,
    hear(signal: string, afterMs = 0): void {
      timeMs += afterMs;
      source.emit(signal);
    },
    cutShort: () => cutShort,
  };
}

describe('signals to stop', () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'])('the first %s asks for the stop', async (signal) => {
    const { stop, hear, cutShort } = signals();
    expect(stop.asked.aborted).toBe(false);
    hear(signal);
    expect(stop.asked.aborted).toBe(true);
    await stop.first;
    expect(cutShort()).toBe(0);
  });

  it('one Ctrl-C that arrives several times, from the terminal and from npm, is no impatience', () => {
    const { hear, cutShort } = signals();
    hear('SIGINT');
    hear('SIGINT', 1);
    hear('SIGTERM', 200);
    hear('SIGINT', 1_298);
    expect(cutShort()).toBe(0);
  });

  it('another one a second and a half after the first cuts the stop short', () => {
    const { hear, cutShort } = signals();
    hear('SIGINT');
    hear('SIGINT', 1);
    hear('SIGINT', 1_499);
    expect(cutShort()).toBe(1);
  });
});
