import { parseArgs } from 'node:util';
import type { FuzzReport } from './fuzz.ts';
import { Hang, watchFuzz } from './watch.ts';

const help = `npm run fuzz -w tools/fuzz -- [OPTION…]

Feeds damaged batches, commits, checkpoints and message ids to the decoders of @message-vault/framing. Each must be
refused with a FramingError or, if accepted, encode to the same bytes again; none may crash, hang or take much memory.
Ends with 1 at the first that does, and prints it.

  --iterations N      how many inputs to try (default 1000000)
  --seed N            what the inputs are made from (default 1); the same seed makes the same ones
  --from N            the first iteration (default 0); to see one again: --seed S --from N --iterations 1
  --hang-after-ms N   how long one input may take (default 20000)
  --help              this text
`;

/** A whole number from a flag, or undefined when it is none. */
function wholeNumber(text: string, max: number): number | undefined {
  const number = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  return number <= max ? number : undefined;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      help: { type: 'boolean' },
      iterations: { type: 'string', default: '1000000' },
      seed: { type: 'string', default: '1' },
      from: { type: 'string', default: '0' },
      'hang-after-ms': { type: 'string', default: '20000' },
    },
  });
  if (values.help) return say(process.stdout, help, 0);
  const seed = wholeNumber(values.seed, 2 ** 32 - 1);
  const iterations = wholeNumber(values.iterations, 2 ** 31 - 1);
  const from = wholeNumber(values.from, 2 ** 31 - 1);
  const hangAfterMs = wholeNumber(values['hang-after-ms'], 2 ** 31 - 1);
  if (seed === undefined || iterations === undefined || from === undefined || hangAfterMs === undefined) {
    return say(process.stderr, `Every number is a whole one from 0 up.\n\n${help}`, 2);
  }
  return fuzz({ seed, iterations, from, hangAfterMs });
}

async function fuzz(options: {
  seed: number;
  iterations: number;
  from: number;
  hangAfterMs: number;
}): Promise<number> {
  const startedAt = performance.now();
  try {
    const report = await watchFuzz({ ...options, onProgress: showProgress });
    const tookS = (performance.now() - startedAt) / 1000;
    return say(process.stdout, describe(report, tookS), report.finding === undefined ? 0 : 1);
  } catch (error) {
    if (!(error instanceof Hang)) throw error;
    const again = `--seed ${options.seed} --from ${error.iteration} --iterations 1`;
    return say(process.stderr, `HANG: ${error.message}\nsee it again with ${again}\n`, 1);
  }
}

function showProgress(iteration: number): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${iteration} `);
}

function describe(report: FuzzReport, tookS: number): string {
  const lines = [`seed ${report.seed}: ${report.iterations} inputs in ${tookS.toFixed(1)} s`];
  for (const [target, counts] of report.verdicts) {
    const sorted = [...counts].toSorted(([, a], [, b]) => b - a);
    lines.push(`${target}: ${sorted.map(([verdict, count]) => `${verdict} ${count}`).join(', ')}`);
  }
  const { longest, finding } = report;
  lines.push(`longest: ${longest.tookMs.toFixed(1)} ms (${longest.target}, iteration ${longest.iteration})`);
  lines.push(`peak memory grew by ${(report.grownBytes / 1024 / 1024).toFixed(1)} MiB`);
  if (finding !== undefined) {
    lines.push(
      `FOUND at iteration ${finding.iteration} (${finding.target}): ${finding.reason}`,
      finding.inputHex,
    );
    lines.push(`see it again with --seed ${report.seed} --from ${finding.iteration} --iterations 1`);
  }
  return `${lines.join('\n')}\n`;
}

function say(stream: NodeJS.WriteStream, text: string, exitCode: number): number {
  stream.write(text);
  return exitCode;
}

process.exitCode = await main();
