import { defaultElectionSettings } from '@message-vault/election';
import { LEADER_LEASE } from '@message-vault/metadata';
import type { StorageCall } from '../storage/call.ts';
import type { CallStep, CallWatcher } from '../storage/line.ts';
import type { SimProcess } from '../world/process.ts';

const { durationSeconds, marginMs } = defaultElectionSettings;
const TRUSTED_MS = durationSeconds * 1000 - marginMs;

/** Knows until when each process may at the most believe that it leads. */
export class LeaseWatch implements CallWatcher {
  readonly #until = new Map<string, number>();

  fateOf(): undefined {}

  /** A process counts from when it sent the call, which was earlier. */
  passed(process: SimProcess, { operation, about }: StorageCall, step: CallStep): void {
    if (step !== 'applied' || about !== LEADER_LEASE) return;
    if (operation === 'acquire' || operation === 'renew')
      this.#until.set(process.id, process.monotonic() + TRUSTED_MS);
  }

  mayLead(process: SimProcess): boolean {
    return process.monotonic() <= (this.#until.get(process.id) ?? -1);
  }
}
