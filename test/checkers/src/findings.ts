/** What can be wrong with what a cluster did. The comment names the invariant of the protocol it breaks. */
export type CheckName =
  /** An acknowledged message is not in the final read (I1), or went from a queue and nobody has dealt with it. */
  | 'lost'
  /** A message stands twice in the stream, or a consumer was given a place of it twice (I5). */
  | 'duplicated'
  /** A producer's messages stand in another order than it published them (I6). */
  | 'reordered'
  /** A message was read that nobody published, or with other bytes than it was published with. */
  | 'corrupt'
  /** What was read once is not in the final read (I3). */
  | 'unread'
  /** Two messages at one offset or sequence number, or one that stands elsewhere than acknowledged (I3, I7). */
  | 'divergent'
  /** A sequence number was skipped, in the stream or on the way to a consumer (I2). */
  | 'gap'
  /** Offsets, sequence numbers and timestamps do not rise together (I2). */
  | 'disordered'
  /** A publish that certainly failed is in the stream all the same. */
  | 'failed-but-stored'
  /** Two nodes led in one epoch (I8). */
  | 'two-leaders'
  /** Epochs went back, for one observer or along the stream (I8). */
  | 'epoch-back'
  /** There is no final read of a stream that was published to, so that nothing can be said of what was lost. */
  | 'incomplete'
  /** A router has a message and a subscriber it is for never got it. */
  | 'missed'
  /** A subscriber was given what the filter of its subscription leaves out. */
  | 'unwanted'
  /** A subscriber was given what was published when its subscription had expired. */
  | 'expired'
  /** A subscriber was given what was published while its subscription was paused. */
  | 'paused'
  /** Two subscribers acknowledged one message of a router that gives each to one. */
  | 'two-takers'
  /** A message was given to a consumer while another one had it under lock. */
  | 'lock-broken'
  /** A lock was good for settling a message that somebody else had been given meanwhile. */
  | 'settled-late'
  /** A message was given out again after its acknowledgement. */
  | 'given-again'
  /** A dead letter is not there any more, and nobody was given the message again. */
  | 'vanished'
  /** A queue threw away what its rule does not leave out: it was not full, or older ones waited, or it still had time. */
  | 'discarded'
  /** A queue took in a message for which it had no room. */
  | 'overfull'
  /** A message was given out after its time to live. */
  | 'outlived'
  /** A message has come without its body, or lost it before anybody was done with it. */
  | 'bodiless'
  /** A body is left that no message refers to. */
  | 'orphaned'
  /** Among the dead letters without a reason, or not among them with one. */
  | 'dead-letters';

export interface Finding {
  check: CheckName;
  /** How often; the first is told. */
  count: number;
  /** In a sentence, with all the numbers needed to look it up. */
  first: string;
}

/** Collects what the checks find: a count each, and the first piece of evidence. */
export class Findings {
  readonly #found = new Map<CheckName, { count: number; first: string }>();

  /** `evidence` is only made for the first of its kind: there may be millions. */
  add(check: CheckName, evidence: () => string): void {
    const known = this.#found.get(check);
    if (known) known.count += 1;
    else this.#found.set(check, { count: 1, first: evidence() });
  }

  list(): Finding[] {
    return [...this.#found].map(([check, { count, first }]) => ({ check, count, first }));
  }
}
