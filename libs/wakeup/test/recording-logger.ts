import type { WakeupLogger } from '../src/index.ts';

/** A logger that keeps what it was told. */
export function recordingLogger() {
  const lines: { level: 'info' | 'warn'; fields: object; message: string }[] = [];
  const logger: WakeupLogger = {
    info: (fields, message) => void lines.push({ level: 'info', fields, message }),
    warn: (fields, message) => void lines.push({ level: 'warn', fields, message }),
  };
  const warnings = (): string[] => lines.filter((line) => line.level === 'warn').map((line) => line.message);
  return { logger, lines, warnings };
}
