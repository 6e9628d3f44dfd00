import { spawn } from 'node:child_process';
import type { Check } from './checks.ts';

export interface CheckResult {
  check: Check;
  ok: boolean;
  /** What the check had to say, as text for a person. */
  output: string;
  tookMs: number;
}

/** Two at a time: the tools behind the checks use several threads each. */
const AT_ONCE = 2;
const TIMEOUT_MS = 5 * 60_000;
/** Enough for a person to start with; a tool gone wild must not fill the memory. */
const MAX_OUTPUT_CHARS = 200_000;

/** Runs every check, calling `done` with each result as it comes in. Never rejects: a check that breaks has failed. */
export async function runAll(
  checks: readonly Check[],
  done: (result: CheckResult) => void,
): Promise<CheckResult[]> {
  const waiting = [...checks];
  const results: CheckResult[] = [];
  const worker = async (): Promise<void> => {
    for (let check = waiting.shift(); check; check = waiting.shift()) {
      const result = await runOne(check);
      results.push(result);
      done(result);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return results;
}

async function runOne(check: Check): Promise<CheckResult> {
  const startedAt = performance.now();
  let outcome: { ok: boolean; output: string };
  try {
    outcome = 'command' in check ? await runCommand(check.command) : await runFunction(check.find);
  } catch (error) {
    outcome = { ok: false, output: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
  return { check, ...outcome, tookMs: performance.now() - startedAt };
}

async function runFunction(find: () => Promise<string[]>): Promise<{ ok: boolean; output: string }> {
  const findings = await find();
  return { ok: findings.length === 0, output: findings.join('\n') };
}

function runCommand([program, ...args]: readonly [string, ...string[]]): Promise<{
  ok: boolean;
  output: string;
}> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: TIMEOUT_MS });
    let output = '';
    const collect = (chunk: string): void => {
      if (output.length < MAX_OUTPUT_CHARS) output += chunk;
    };
    child.stdout.setEncoding('utf8').on('data', collect);
    child.stderr.setEncoding('utf8').on('data', collect);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      resolve({ ok: code === 0, output: signal ? `${output}\nended by ${signal}` : output });
    });
  });
}
