export interface Scale {
  at(value: number): number;
  readonly ticks: readonly { readonly value: number; readonly label: string }[];
}

/** Milliseconds on a logarithmic axis, so that 20 ms and 30 s fit one picture. Values outside stick to its ends. */
export function logScale(fromMs: number, toMs: number, width: number): Scale {
  const [low, high] = [Math.log10(fromMs), Math.log10(toMs)];
  const ticks = [1, 10, 100, 1000, 10_000, 100_000].filter((value) => value >= fromMs && value <= toMs);
  return {
    at: (value) => ((Math.log10(Math.min(toMs, Math.max(fromMs, value))) - low) / (high - low)) * width,
    ticks: ticks.map((value) => ({ value, label: axisLabel(value) })),
  };
}

/** A linear axis from `fromMs` to `toMs` with about `wanted` round ticks. */
export function linearScale(fromMs: number, toMs: number, width: number, wanted = 8): Scale {
  const span = Math.max(1, toMs - fromMs);
  const step = roundStep(span / wanted);
  const first = Math.ceil(fromMs / step) * step;
  const count = Math.floor((toMs - first) / step) + 1;
  return {
    at: (value) => ((value - fromMs) / span) * width,
    ticks: Array.from({ length: Math.max(0, count) }, (_, index) => {
      const value = first + index * step;
      return { value, label: axisLabel(value) };
    }),
  };
}

/** The next larger of 1, 2 and 5 times a power of ten. */
function roundStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  return ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10) * power;
}

function axisLabel(ms: number): string {
  if (Math.abs(ms) >= 1000) return `${Math.round(ms / 100) / 10} s`;
  return ms === 0 ? '0' : `${Math.round(ms)} ms`;
}
