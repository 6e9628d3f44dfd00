import type { PublishAck, Read } from '../events.ts';
import type { Findings } from '../findings.ts';
import { CLAIMED_BY_READ, type ProducerLedger, type StreamLedger } from '../ledger.ts';

/**
 * What stands where. Everyone who speaks of a place of the stream, in an acknowledgement or a read, must say the same
 * of it for ever; and no message stands at two places.
 */
export function checkAck(
  stream: StreamLedger,
  ack: PublishAck,
  producer: ProducerLedger,
  findings: Findings,
): void {
  const acked = producer.ackOffset.get(ack.sequence);
  if (
    acked !== -1 &&
    (acked !== ack.offset || producer.ackSequenceNumber.get(ack.sequence) !== ack.sequenceNumber)
  ) {
    findings.add('divergent', () => {
      return `${name(producer, ack.sequence)} of ${stream.name} was acknowledged at offset ${acked} and again at ${ack.offset}`;
    });
  }
  producer.ackOffset.set(ack.sequence, ack.offset);
  producer.ackSequenceNumber.set(ack.sequence, ack.sequenceNumber);
  if (stream.isFree(ack.sequenceNumber)) stream.placeAcked(ack, producer);
  else if (!standsThere(stream, ack, producer)) {
    findings.add('divergent', () => {
      return `${name(producer, ack.sequence)} was acknowledged at offset ${ack.offset}, sequence number ${ack.sequenceNumber}, where others say stands ${stream.describe(ack.sequenceNumber)}`;
    });
  }
}

export function checkRead(
  stream: StreamLedger,
  read: Read,
  producer: ProducerLedger | undefined,
  findings: Findings,
): void {
  const at = read.sequenceNumber;
  if (stream.isFree(at)) stream.placeRead(read, producer);
  else compare(stream, read, producer, findings);
  if (!producer) return;
  const readAt = producer.readAt.get(read.sequence);
  if (readAt === -1) producer.readAt.set(read.sequence, at);
  else if (readAt !== at) {
    findings.add('duplicated', () => {
      return `${name(producer, read.sequence)} of ${stream.name} stands at sequence numbers ${readAt} and ${at}`;
    });
  }
}

function compare(
  stream: StreamLedger,
  read: Read,
  producer: ProducerLedger | undefined,
  findings: Findings,
): void {
  const at = read.sequenceNumber;
  const readBefore = (stream.claims.get(at) & CLAIMED_BY_READ) !== 0;
  const same = standsThere(stream, read, producer) && (!readBefore || stream.hash.get(at) === read.hash);
  if (!same) {
    findings.add('divergent', () => {
      const who = producer ? name(producer, read.sequence) : 'a message of no known producer';
      return `${read.consumer} read ${who} (hash ${read.hash}) at offset ${read.offset}, sequence number ${at}, where others say stands ${stream.describe(at)}`;
    });
    return;
  }
  if (readBefore && stream.timestamp.get(at) !== read.timestamp) {
    findings.add('disordered', () => {
      return `${stream.describe(at)} has timestamp ${read.timestamp} for ${read.consumer} and ${stream.timestamp.get(at)} for another`;
    });
  }
  if (!readBefore) stream.placeRead(read, producer);
}

function standsThere(
  stream: StreamLedger,
  { sequenceNumber, offset, sequence }: PublishAck | Read,
  producer: ProducerLedger | undefined,
): boolean {
  return (
    stream.offset.get(sequenceNumber) === offset &&
    stream.producer.get(sequenceNumber) === (producer?.index ?? -1) &&
    stream.sequence.get(sequenceNumber) === sequence
  );
}

const name = (producer: ProducerLedger, sequence: number): string => `${producer.name} #${sequence}`;
