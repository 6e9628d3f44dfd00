/**
 * Where a package-lock.json says a package is downloaded from. The lock names versions and hashes; from where they are
 * fetched is the business of whoever installs, and an address here would send everybody to one machine's registry.
 */
export function lockfileFindings(path: string, text: string): string[] {
  const lock: unknown = JSON.parse(text);
  if (!isRecord(lock) || !isRecord(lock.packages)) return [`${path}: not a lock file of npm 7 or later`];
  const findings: string[] = [];
  for (const [name, entry] of Object.entries(lock.packages)) {
    const resolved = isRecord(entry) ? entry.resolved : undefined;
    if (typeof resolved === 'string' && /^[a-z+]+:/i.test(resolved)) {
      findings.push(
        `${path}: ${name} has a download address (${resolved}); set omit-lockfile-registry-resolved in .npmrc`,
      );
    }
  }
  return findings;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;
