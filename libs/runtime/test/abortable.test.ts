import { describe, expect, it } from 'vitest';
import { abortable } from '../src/index.ts';

describe('work that can be given up', () => {
  it('answers as it does, with and without a signal', async () => {
    const { signal } = new AbortController();
    expect(await abortable(Promise.resolve(1), signal)).toBe(1);
    expect(await abortable(Promise.resolve(2), undefined)).toBe(2);
    await expect(abortable(Promise.reject(new RangeError('no')), signal)).rejects.toThrow(RangeError);
  });

  it('is waited for no longer once the signal is aborted, before or meanwhile, and fails unheard', async () => {
    const unheard: unknown[] = [];
    const hear = (error: unknown): void => void unheard.push(error);
    process.on('unhandledRejection', hear);
    try {
      for (const abortFirst of [true, false]) {
        const work = Promise.withResolvers<never>();
        const giveUp = new AbortController();
        if (abortFirst) giveUp.abort(new RangeError('given up'));
        const answer = abortable(work.promise, giveUp.signal);
        giveUp.abort(new RangeError('given up'));
        await expect(answer).rejects.toThrow('given up');
        work.reject(new Error('too late'));
      }
      await new Promise((resolve) => setImmediate(resolve));
      expect(unheard).toEqual([]);
    } finally {
      process.off('unhandledRejection', hear);
    }
  });
});
