import { readFile } from 'node:fs/promises';

/** A process that can be told from a later one with the same number. */
export interface ProcessIdentity {
  pid: number;
  /** When it was started, in the kernel's own words; undefined where the kernel does not say (only Linux does). */
  startedAt: string | undefined;
}

export async function identify(pid: number): Promise<ProcessIdentity> {
  return { pid, startedAt: await startTime(pid) };
}

/** True when this very process still runs: not gone, not a zombie, not another one that got its number. */
export async function stillRuns(identity: ProcessIdentity): Promise<boolean> {
  try {
    process.kill(identity.pid, 0);
  } catch (error) {
    // EPERM: it is there, but somebody else's, so not one we started.
    if (error instanceof Error && 'code' in error) return false;
    throw error;
  }
  return identity.startedAt === undefined || (await startTime(identity.pid)) === identity.startedAt;
}

/** Field 22 of /proc/PID/stat (proc(5)), which counts from the boot. The name, field 2, may hold spaces and brackets. */
async function startTime(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const [state, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' ? 'zombie' : rest[18];
  } catch {
    return undefined;
  }
}
