import type { Findings } from '../findings.ts';
import { ACKED, CLAIMED_BY_FINAL, CLAIMED_BY_READ, FAILED, STARTED, type StreamLedger } from '../ledger.ts';

type EndCheck = (stream: StreamLedger, findings: Findings) => void;

/** What can only be judged when the whole history is known, a stream at a time. */
export const endChecks: readonly EndCheck[] = [
  incomplete,
  lost,
  failedButStored,
  unread,
  finalGaps,
  alongTheStream,
];

function incomplete(stream: StreamLedger, findings: Findings): void {
  if (stream.final) return;
  findings.add('incomplete', () => `nobody read ${stream.name} to the end after everything had come to rest`);
}

function lost(stream: StreamLedger, findings: Findings): void {
  const { final } = stream;
  if (!final) return;
  for (const producer of stream.producers) {
    for (let sequence = 0; sequence < producer.count; sequence++) {
      if ((producer.state.get(sequence) & ACKED) === 0) continue;
      const at = producer.ackSequenceNumber.get(sequence);
      if (at < final.earliest || stream.isInFinal(producer, sequence)) continue;
      findings.add('lost', () => {
        return `${producer.name} #${sequence}, acknowledged at offset ${producer.ackOffset.get(sequence)}, sequence number ${at}, is not in ${stream.name}`;
      });
    }
  }
}

function failedButStored(stream: StreamLedger, findings: Findings): void {
  for (const producer of stream.producers) {
    for (let sequence = 0; sequence < producer.count; sequence++) {
      const failed = (producer.state.get(sequence) & (FAILED | ACKED)) === FAILED;
      const at = producer.readAt.get(sequence);
      if (!failed || at === -1) continue;
      findings.add('failed-but-stored', () => `${stream.describe(at)}, was said to have certainly failed`);
    }
  }
}

function unread(stream: StreamLedger, findings: Findings): void {
  const { final } = stream;
  if (!final) return;
  for (let at = final.earliest; at < stream.count; at++) {
    const claims = stream.claims.get(at);
    if ((claims & CLAIMED_BY_READ) === 0 || (claims & CLAIMED_BY_FINAL) !== 0) continue;
    findings.add('unread', () => `${stream.describe(at)}, was read before but not by the final read`);
  }
}

/** The final read must have brought all that the stream says it holds. Nothing else shows what nobody ever saw. */
function finalGaps(stream: StreamLedger, findings: Findings): void {
  const { final } = stream;
  if (!final) return;
  for (let at = final.earliest; at < final.next; at++) {
    if ((stream.claims.get(at) & CLAIMED_BY_FINAL) !== 0) continue;
    findings.add('gap', () => {
      return `sequence number ${at} is missing from the final read of ${stream.name}, which holds ${final.earliest} to ${final.next - 1}`;
    });
  }
}

/** One walk along all that was read: is it what was published, and does everything rise that should. */
function alongTheStream(stream: StreamLedger, findings: Findings): void {
  const walk = { at: -1, epoch: -1, epochAt: -1 };
  const lastOfProducer = new Map<number, number>();
  for (let at = 0; at < stream.count; at++) {
    if ((stream.claims.get(at) & CLAIMED_BY_READ) === 0) continue;
    corrupt(stream, at, findings);
    reordered(stream, at, lastOfProducer, findings);
    if (walk.at >= 0) disordered(stream, walk.at, at, findings);
    walk.at = at;
    const epoch = stream.epoch.get(at);
    if (epoch === -1) continue;
    if (epoch < walk.epoch) {
      findings.add('epoch-back', () => {
        return `${stream.describe(at)}, was stored in epoch ${epoch}, after ${stream.describe(walk.epochAt)}, in epoch ${walk.epoch}`;
      });
    } else Object.assign(walk, { epoch, epochAt: at });
  }
}

function corrupt(stream: StreamLedger, at: number, findings: Findings): void {
  const producer = stream.producers[stream.producer.get(at)];
  const sequence = stream.sequence.get(at);
  if (!producer || (producer.state.get(sequence) & STARTED) === 0) {
    findings.add('corrupt', () => `${stream.describe(at)}, was never published`);
  } else if (producer.hash.get(sequence) !== stream.hash.get(at)) {
    findings.add('corrupt', () => {
      return `${stream.describe(at)}, has hash ${stream.hash.get(at)} and was published with ${producer.hash.get(sequence)}`;
    });
  }
}

function reordered(stream: StreamLedger, at: number, last: Map<number, number>, findings: Findings): void {
  const producer = stream.producer.get(at);
  const before = last.get(producer);
  if (producer === -1) return;
  last.set(producer, at);
  // The same message again is a duplicate, and told as one.
  if (before === undefined || stream.sequence.get(before) <= stream.sequence.get(at)) return;
  findings.add('reordered', () => `${stream.describe(at)}, stands behind ${stream.describe(before)}`);
}

function disordered(stream: StreamLedger, before: number, at: number, findings: Findings): void {
  const offset = stream.offset.get(at);
  const offsetBefore = stream.offset.get(before);
  if (offset === offsetBefore) {
    findings.add(
      'divergent',
      () => `${stream.describe(at)}, and ${stream.describe(before)}, stand at one offset`,
    );
  } else if (offset < offsetBefore || stream.timestamp.get(at) < stream.timestamp.get(before)) {
    findings.add('disordered', () => {
      return `${stream.describe(at)}, timestamp ${stream.timestamp.get(at)}, comes after ${stream.describe(before)}, timestamp ${stream.timestamp.get(before)}`;
    });
  }
}
