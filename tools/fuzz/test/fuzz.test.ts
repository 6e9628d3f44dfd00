import { checkBatch, FramingError, type FramingErrorCode } from '@message-vault/framing';
import { describe, expect, it } from 'vitest';
import { runFuzz } from '../src/fuzz.ts';
import { TARGETS, type Target } from '../src/targets.ts';

/** What each decoder can refuse an input with. `wrong_place` needs an expectation, which the targets check themselves. */
const REACHABLE: Record<string, FramingErrorCode[]> = {
  batch: [
    ...([
      'truncated',
      'bad_magic',
      'unsupported_version',
      'bad_length',
      'bad_crc',
      'bad_count',
      'bad_codec',
    ] as const),
    ...(['bad_compression', 'bad_record', 'bad_utf8', 'reserved_not_zero', 'trailing_bytes'] as const),
    ...(['too_large', 'bad_value'] as const),
  ],
  commit: [
    ...([
      'truncated',
      'bad_magic',
      'unsupported_version',
      'bad_length',
      'bad_crc',
      'bad_count',
      'bad_codec',
    ] as const),
    ...(['reserved_not_zero', 'too_large', 'bad_value', 'bad_padding', 'bad_trailer', 'bad_skips'] as const),
  ],
  checkpoint: [
    ...([
      'truncated',
      'bad_magic',
      'unsupported_version',
      'bad_length',
      'bad_count',
      'reserved_not_zero',
    ] as const),
    ...(['trailing_bytes', 'too_large', 'bad_value', 'bad_checkpoint'] as const),
  ],
  'message id': ['bad_message_id'],
};

describe('fuzzing the decoders', () => {
  it('twenty thousand damaged inputs: none crashes, contradicts itself or takes much memory', async () => {
    const report = await runFuzz({ seed: 20_261_120, iterations: 20_000 });
    expect(report.finding).toBeUndefined();
    expect(report.iterations).toBe(20_000);
    for (const [target, codes] of Object.entries(REACHABLE)) {
      const reached = report.verdicts.get(target);
      const missed = ['accepted' as const, ...codes].filter((verdict) => !reached?.has(verdict));
      expect(missed, `${target}: never reached`).toEqual([]);
    }
  });

  it('the same seed makes the same inputs, and each iteration can be run by itself', async () => {
    const inputs = async (from: number, iterations: number) => {
      const seen: string[] = [];
      const targets = TARGETS.map((target) => ({
        ...target,
        exercise: (input: Uint8Array) => {
          seen.push(Buffer.from(input).toString('hex'));
          return 'accepted' as const;
        },
      }));
      await runFuzz({ seed: 7, from, iterations, targets });
      return seen;
    };
    const all = await inputs(0, 50);
    expect(await inputs(0, 50)).toEqual(all);
    expect(await inputs(49, 1)).toEqual(all.slice(49));
    expect(new Set(all).size).toBeGreaterThan(40);
  });
});

describe('the fuzzer itself', () => {
  /** The batch target with a decoder in place of ours. */
  function batchTarget(exercise: Target['exercise']): readonly Target[] {
    return TARGETS.filter((target) => target.name === 'batch').map((target) => ({ ...target, exercise }));
  }

  it('reports a decoder that crashes, with the input and the iteration', async () => {
    const targets = batchTarget((input) => {
      try {
        checkBatch(input);
        return 'accepted';
      } catch (error) {
        if (error instanceof FramingError && error.code === 'bad_utf8') throw new RangeError('out of bounds');
        return 'bad_crc';
      }
    });
    const { finding, iterations } = await runFuzz({ seed: 1, iterations: 20_000, targets });
    expect(finding?.reason).toMatch(/RangeError: out of bounds/);
    expect(finding?.iteration).toBe(iterations - 1);
    const input = Buffer.from(finding?.inputHex ?? '', 'hex');
    expect(() => checkBatch(input)).toThrow(/bad_utf8/);
  });

  it('reports a decoder that takes memory on the word of a length field', async () => {
    const kept: Uint8Array[] = [];
    const targets = batchTarget((input) => {
      if (input.byteLength > 24)
        kept.push(new Uint8Array(Math.min(Buffer.from(input).readUInt32LE(20), 2 ** 21)).fill(1));
      return 'accepted';
    });
    const maxGrowthBytes = 64 * 1024 * 1024;
    const { finding } = await runFuzz({ seed: 1, iterations: 20_000, targets, maxGrowthBytes });
    expect(finding?.reason).toMatch(/peak memory grew/);
  });
});
