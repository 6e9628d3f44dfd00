const WARN = 40;
const LEVELS: Readonly<Record<number, string>> = { 40: 'warning', 50: 'error', 60: 'fatal' };

/**
 * What a line a process printed should tell a person, or undefined when it is only for the log file: JSON log lines
 * (pino's levels) from warnings up, and whatever comes on stderr that is no JSON.
 */
export function warningIn(line: string, from: 'stdout' | 'stderr'): string | undefined {
  const entry = parseEntry(line);
  if (!entry) return from === 'stderr' && line.trim() !== '' ? line : undefined;
  if (entry.level < WARN) return undefined;
  const detail = entry.error === undefined ? '' : `: ${entry.error}`;
  return `${LEVELS[entry.level] ?? `level ${entry.level}`}: ${entry.message}${detail}`;
}

function parseEntry(line: string): { level: number; message: string; error: string | undefined } | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const entry: { level?: unknown; msg?: unknown; err?: { message?: unknown } } = JSON.parse(line);
    if (typeof entry.level !== 'number') return undefined;
    const error = entry.err?.message;
    return {
      level: entry.level,
      message: typeof entry.msg === 'string' ? entry.msg : line,
      error: typeof error === 'string' ? error : undefined,
    };
  } catch {
    return undefined;
  }
}
