/** Levels of the log that a person is shown, by pino's names and numbers. */
const SHOWN = new Map<unknown, string>([
  ['warn', 'warning'],
  ['error', 'error'],
  ['fatal', 'fatal'],
  [40, 'warning'],
  [50, 'error'],
  [60, 'fatal'],
]);

interface Entry {
  level: unknown;
  msg?: unknown;
  reason?: unknown;
  err?: { message?: unknown } | undefined;
}

/**
 * What a line a process printed should tell a person, or undefined when it is only for the log file: JSON log lines
 * from warnings up, and whatever comes on stderr that is none.
 */
export function warningIn(line: string, origin: 'stdout' | 'stderr'): string | undefined {
  const entry = parseEntry(line);
  if (!entry) return origin === 'stderr' && line.trim() !== '' ? line : undefined;
  const level = SHOWN.get(entry.level);
  if (level === undefined) return undefined;
  const details = [entry.reason, entry.err?.message].filter((detail) => typeof detail === 'string');
  return [`${level}: ${typeof entry.msg === 'string' ? entry.msg : line}`, ...details].join(': ');
}

function parseEntry(line: string): Entry | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const entry: Entry = JSON.parse(line);
    return entry.level === undefined ? undefined : entry;
  } catch {
    return undefined;
  }
}
