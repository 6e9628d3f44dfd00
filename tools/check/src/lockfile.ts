/** The part of a package-lock.json (version 2 and later) that is looked at here: entries by their place in node_modules. */
interface LockEntry {
  version?: string;
  resolved?: string;
  optionalDependencies?: Record<string, string>;
  [field: string]: unknown;
}

interface Lock {
  packages: Record<string, LockEntry>;
  [field: string]: unknown;
}

/**
 * What is wrong with a lock file:
 *
 * - Download addresses. The lock names versions and hashes; from where they are fetched is the business of whoever
 *   installs, and an address here would send everybody to one machine's registry.
 * - Optional packages left out. npm leaves out what it could not find where it ran, which are the binaries of other
 *   platforms if its registry does not carry them, and with such a lock `npm ci` fails.
 */
export function lockfileFindings(path: string, text: string): string[] {
  const lock = parse(text);
  if (!lock) return [`${path}: not a lock file of npm 7 or later`];
  const addresses = Object.entries(lock.packages)
    .filter(([, { resolved }]) => /^[a-z+]+:/i.test(resolved ?? ''))
    .map(([place, { resolved }]) => {
      return `${path}: ${place} has a download address (${resolved}); set omit-lockfile-registry-resolved in .npmrc`;
    });
  const missing = missingOptional(lock).map(
    ({ name, spec, wantedBy }) =>
      `${path}: ${name}@${spec}, optional for ${wantedBy}, is missing; run npm run lock`,
  );
  return [...addresses, ...missing];
}

/**
 * The lock with an entry for every optional package that is missing. Only exact versions can be filled in, which is
 * how packages name their binaries; the entries have no hash, since nobody here has seen the package.
 */
export function completeLock(text: string): { text: string; added: string[] } {
  const lock = parse(text);
  if (!lock) throw new Error('not a lock file of npm 7 or later');
  const added: string[] = [];
  for (const { name, spec, wantedBy } of missingOptional(lock)) {
    if (!/^\d+\.\d+\.\d+[\w.-]*$/.test(spec)) continue;
    lock.packages[`node_modules/${name}`] = optionalEntry(name, spec, lock.packages[wantedBy]?.dev === true);
    added.push(`${name}@${spec}`);
  }
  lock.packages = Object.fromEntries(
    Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, 'en')),
  );
  return { text: `${JSON.stringify(lock, null, 2)}\n`, added };
}

interface Missing {
  name: string;
  spec: string;
  /** Place of the package that lists it. */
  wantedBy: string;
}

function missingOptional({ packages }: Lock): Missing[] {
  const found = new Map<string, Missing>();
  for (const [place, entry] of Object.entries(packages)) {
    for (const [name, spec] of Object.entries(entry.optionalDependencies ?? {})) {
      if (!isReachable(packages, place, name)) found.set(name, { name, spec, wantedBy: place });
    }
  }
  return [...found.values()];
}

/** As Node looks for it: in node_modules of the package itself and of every folder above. */
function isReachable(packages: Lock['packages'], place: string, name: string): boolean {
  const parts = place.split('/node_modules/');
  for (let depth = parts.length; depth > 0; depth--) {
    if (packages[`${parts.slice(0, depth).join('/node_modules/')}/node_modules/${name}`]) return true;
  }
  return packages[`node_modules/${name}`] !== undefined;
}

/**
 * The entry of a binary, in npm's order of fields. Its name, `…-linux-arm64-musl` and the like, says for which machines
 * it is, and with that in the lock npm does not try it on others.
 */
function optionalEntry(name: string, version: string, dev: boolean): LockEntry {
  const match =
    /(android|darwin|freebsd|linux|netbsd|openbsd|openharmony|sunos|win32)-(\w+?)(?:-(\w+))?$/.exec(name);
  const [, os, cpu, abi = ''] = match ?? [];
  const libc = abi.startsWith('musl') ? 'musl' : 'glibc';
  return {
    version,
    ...(cpu === undefined ? {} : { cpu: [cpu] }),
    ...(dev ? { dev } : {}),
    ...(os === 'linux' && /^(musl|gnu)/.test(abi) ? { libc: [libc] } : {}),
    optional: true,
    ...(os === undefined ? {} : { os: [os] }),
  };
}

function parse(text: string): Lock | undefined {
  const lock: Partial<Lock> = JSON.parse(text);
  return typeof lock.packages === 'object' && lock.packages !== null
    ? { ...lock, packages: lock.packages }
    : undefined;
}
