import type { Read } from '../events.ts';
import type { Findings } from '../findings.ts';

interface Pass {
  sequenceNumber: number;
  offset: number;
  timestamp: number;
}

/** What each consumer was given, in order: every message from its first on, once, none left out. */
export class PassCheck {
  readonly #passes = new Map<string, Pass>();

  add(read: Read, findings: Findings): void {
    const key = `${read.stream}\n${read.consumer}`;
    const pass = this.#passes.get(key);
    if (!pass) {
      this.#passes.set(key, pickPass(read));
      return;
    }
    judge(pass, read, findings);
    Object.assign(pass, pickPass(read));
  }
}

function judge(last: Pass, read: Read, findings: Findings): void {
  const who = `${read.consumer}, reading ${read.stream},`;
  if (read.sequenceNumber <= last.sequenceNumber) {
    findings.add('duplicated', () => {
      return `${who} was given sequence number ${read.sequenceNumber} after ${last.sequenceNumber}`;
    });
    return;
  }
  if (read.sequenceNumber > last.sequenceNumber + 1) {
    findings.add('gap', () => {
      return `${who} was given sequence number ${read.sequenceNumber} right after ${last.sequenceNumber}`;
    });
  }
  if (read.offset <= last.offset || read.timestamp < last.timestamp) {
    findings.add('disordered', () => {
      return `${who} was given ${brief(read)} after ${brief(last)}`;
    });
  }
}

const pickPass = ({ sequenceNumber, offset, timestamp }: Pass): Pass => ({
  sequenceNumber,
  offset,
  timestamp,
});

const brief = ({ sequenceNumber, offset, timestamp }: Pass): string =>
  `sequence number ${sequenceNumber} (offset ${offset}, timestamp ${timestamp})`;
