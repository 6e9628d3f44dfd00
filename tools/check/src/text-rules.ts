/** A line of text that should not be in the repository. */
export interface TextRule {
  /** What the match is, for the finding. */
  says: string;
  pattern: RegExp;
  /** Only files whose path matches; every file without it. */
  in?: RegExp;
}

const CODE = /\.(ts|tsx|js|mjs|cjs)$/;
/** Sources that take time and randomness from a Runtime, so that a seed replays them. */
const CORE = /^libs\/(framing|metadata|log|election|bus)\/src\//;
const MAX_CODE_LINES = 400;

export const textRules: readonly TextRule[] = [
  {
    says: 'a path of somebody’s machine',
    pattern: /(?<![\w./-])\/(home|Users)\/[a-z]\w*\/|\b[A-Z]:\\Users\\/,
  },
  {
    says: 'the address of a package registry',
    pattern:
      /\b(registry|npm|pkgs|packages)\.[a-z0-9-]+\.(org|com|net|io|dev|internal|local)\b|\bartifactory\b/i,
  },
  { says: 'an unfinished mark', pattern: /\b(TO[D]O|FIX[M]E|XX[X])\b/, in: CODE },
  {
    says: 'a test that is focused, skipped or not written',
    pattern: /\b(it|test|describe)\.(only|skip|todo)\(/,
    in: CODE,
  },
  { says: 'a type check switched off', pattern: /@ts-(ignore|expect-error|nocheck)/, in: CODE },
  {
    says: 'ambient time or randomness in the core: take it from the Runtime',
    pattern:
      /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\bset(Timeout|Interval|Immediate)\(|\bperformance\.now\(/,
    in: CORE,
  },
];

/** `path:line: finding` for every rule broken in `text`. */
export function textFindings(path: string, text: string, rules: readonly TextRule[]): string[] {
  const applying = rules.filter((rule) => rule.in?.test(path) ?? true);
  const lines = text.split('\n');
  const findings: string[] = [];
  for (const [index, line] of lines.entries()) {
    for (const rule of applying) {
      const match = rule.pattern.exec(line);
      if (match) findings.push(`${path}:${index + 1}: ${rule.says}: ${match[0]}`);
    }
  }
  const count = lines.length - (text.endsWith('\n') ? 1 : 0);
  if (CODE.test(path) && count > MAX_CODE_LINES) {
    findings.push(`${path}: ${count} lines; split it by meaning (at most ${MAX_CODE_LINES})`);
  }
  return findings;
}
