import { number, optionalInstant, string } from '../answers.ts';
import { contentOf, MessageContent } from '../content.ts';

/** A message a router hands to a connected listener. */
export class RouterMessage extends MessageContent {
  /** Where it is in the router's own stream. */
  readonly offset: number;
  readonly sequenceNumber: number;
  /** UUIDv7, the same however often it is handed out. */
  readonly id: string;
  /** Milliseconds since 1970, given by the leader. */
  readonly timestamp: number;

  /** `source`: its JSON text. Error: `bad_answer`. */
  constructor(source: string, members: Readonly<Record<string, unknown>>) {
    super(contentOf(source, members));
    this.offset = number(members, 'offset');
    this.sequenceNumber = number(members, 'sequenceNumber');
    this.id = string(members, 'id');
    this.timestamp = optionalInstant(members, 'timestamp') ?? Number.NaN;
  }
}
