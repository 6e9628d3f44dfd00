import { describe, expect, it } from 'vitest';
import { completeLock, lockfileFindings } from '../src/lockfile.ts';

const lock = (packages: Record<string, unknown>): string => JSON.stringify({ lockfileVersion: 3, packages });

/** `x` lists a binary for two platforms; only that of this machine is in the lock. */
const incomplete = lock({
  '': { name: 'root' },
  'node_modules/x': {
    version: '1.2.3',
    dev: true,
    optionalDependencies: { '@x/linux-x64-gnu': '1.2.3', '@x/linux-arm64-musl': '1.2.3' },
  },
  'node_modules/@x/linux-x64-gnu': { version: '1.2.3', optional: true },
});

describe('a lock file', () => {
  it('with a download address is found out, a workspace folder is none', () => {
    const text = lock({
      'node_modules/y': { version: '1.0.0', resolved: 'https://example.test/y.tgz' },
      'node_modules/@v/z': { resolved: 'libs/z', link: true },
    });
    expect(lockfileFindings('package-lock.json', text)).toEqual([
      expect.stringMatching(/node_modules\/y has a download address/),
    ]);
  });

  it('that leaves out the binary of another platform is found out', () => {
    expect(lockfileFindings('package-lock.json', incomplete)).toEqual([
      expect.stringMatching(/@x\/linux-arm64-musl@1\.2\.3, optional for node_modules\/x, is missing/),
    ]);
  });

  it('is completed with what was left out, and nothing else', () => {
    const { text, added } = completeLock(incomplete);
    expect(added).toEqual(['@x/linux-arm64-musl@1.2.3']);
    expect(JSON.parse(text).packages['node_modules/@x/linux-arm64-musl']).toEqual({
      version: '1.2.3',
      cpu: ['arm64'],
      dev: true,
      libc: ['musl'],
      optional: true,
      os: ['linux'],
    });
    expect(lockfileFindings('package-lock.json', text)).toEqual([]);
    expect(completeLock(text).added).toEqual([]);
  });

  it('finds an optional package beside its parent as Node would', () => {
    const text = lock({
      'node_modules/x': { version: '1.0.0', optionalDependencies: { inner: '1.0.0' } },
      'node_modules/x/node_modules/inner': { version: '1.0.0' },
      'node_modules/x/node_modules/y': { version: '1.0.0', optionalDependencies: { inner: '1.0.0' } },
    });
    expect(lockfileFindings('package-lock.json', text)).toEqual([]);
  });

  it('does not guess a version that is not exact', () => {
    const text = lock({
      'node_modules/x': { version: '1.0.0', optionalDependencies: { fsevents: '^2.3.0' } },
    });
    expect(completeLock(text).added).toEqual([]);
    expect(lockfileFindings('package-lock.json', text)).toHaveLength(1);
  });

  it('of an npm too old for it is refused', () => {
    expect(lockfileFindings('package-lock.json', '{"dependencies":{}}')).toEqual([
      expect.stringContaining('not a lock file of npm 7'),
    ]);
  });
});
