/**
 * What happens to messages in queues and routers. A message is still known by its producer and its place in that
 * producer's own count; a producer publishes to one name only. `start`, `fail` and `unknown` of a publish are those of
 * streams; what a stream or a router holds in the end is told by `final` and `read`.
 */
export type BusEvent =
  | Place
  | Filtered
  | Expires
  | Paused
  | Resumes
  | Rested
  | PutIn
  | Fetched
  | TakenOut
  | BodyStored
  | BodyReferred
  | BodyDone
  | BodyRemoved
  | Tidied
  | Accepted
  | Locked
  | Renewed
  | Settling
  | Settled
  | LockLost
  | Pushed
  | Taken
  | Buried
  | DeadLetter
  | AtRest;

export type PlaceRole = 'router' | 'queue' | 'stream' | 'subscriber';

/**
 * A name, or a subscriber of a router that has no name (webhook, listener; the recorder gives it one). Comes before
 * anything else is said of it.
 */
export interface Place {
  kind: 'place';
  at: number;
  name: string;
  role: PlaceRole;
  /** Of routers. */
  distribution?: 'all' | 'one';
  /** Of routers: where its messages go. */
  targets?: string[];
  /**
   * Of queues that are to hold so many messages at the most. What their storage is told is in the history then. For how long
   * a lock is good there is needed where messages expire. Of routers, how many may wait for one target.
   */
  limit?: number;
  /** What is done with what finds no room there. */
  overflow?: 'reject' | 'discard-incoming' | 'discard-existing';
  lockMs?: number;
}

/** Of what is in a router, a target is for those messages only that have one of these labels. */
export interface Filtered {
  kind: 'filtered';
  at: number;
  router: string;
  target: string;
  labels: string[];
}

/** What is published from `until` on is not for this target of a router, and nothing in the router has to come to it. */
export interface Expires {
  kind: 'expires';
  at: number;
  router: string;
  target: string;
  until: number;
}

/** Somebody was told that the subscription of this target is paused: what is published from now on waits. */
export interface Paused {
  kind: 'paused';
  at: number;
  router: string;
  target: string;
}

/** Somebody is about to ask that it goes on: it may from now on. */
export interface Resumes {
  kind: 'resumes';
  at: number;
  router: string;
  target: string;
}

/** Nothing waits anywhere any more: what is published from now on finds room wherever it goes. */
export interface Rested {
  kind: 'rested';
  at: number;
}

/** A message got into the storage of a queue with a limit. Put in twice it is there twice, each entry with a name of its own. */
export interface PutIn {
  kind: 'put-in';
  at: number;
  queue: string;
  copy: string;
  producer: string;
  sequence: number;
  redrives?: number;
}

/** A node got it from there, for whatever reason. */
export interface Fetched {
  kind: 'fetched';
  at: number;
  queue: string;
  copy: string;
}

/** It was removed from there, for whatever reason. */
export interface TakenOut {
  kind: 'taken-out';
  at: number;
  queue: string;
  copy: string;
}

/** A body got into the storage, apart from the message it belongs to. */
export interface BodyStored {
  kind: 'body-stored';
  at: number;
  body: string;
}

/** A message that refers to this body got into the storage of a queue, or of dead letters, under a name of its own. */
export interface BodyReferred {
  kind: 'body-referred';
  at: number;
  body: string;
  copy: string;
}

/** And went from there, for whatever reason. */
export interface BodyDone {
  kind: 'body-done';
  at: number;
  body: string;
  copy: string;
}

/** The body went from the storage. */
export interface BodyRemoved {
  kind: 'body-removed';
  at: number;
  body: string;
}

/** No queue holds anything, and whoever tidies up had time to. */
export interface Tidied {
  kind: 'tidied';
  at: number;
}

/** A queue or router has taken a message (202): it must come to all it is for. */
export interface Accepted {
  kind: 'accepted';
  at: number;
  stream: string;
  producer: string;
  sequence: number;
  /** In the router's own stream; queues have none. */
  sequenceNumber?: number;
}

/** A consumer was given a message under lock. */
export interface Locked {
  kind: 'locked';
  /** When the consumer had it: the lock is older. */
  at: number;
  queue: string;
  consumer: string;
  /** Unlike any other of the history. */
  lock: string;
  /** Which of the queue's entries it is: a queue may hold a message twice, which is no fault of its locks. */
  copy: string;
  producer: string;
  sequence: number;
  hash: number;
  /** 1 for the first. */
  delivery: number;
  /** How many times it has come back from the dead letters; none when not given. */
  redrives?: number;
  /** Until when the lock holds, on the clock of the history. */
  until: number;
}

/** The lock was renewed. */
export interface Renewed {
  kind: 'renewed';
  at: number;
  lock: string;
  until: number;
}

export type Settlement = 'acknowledged' | 'given-back' | 'dead-lettered';

/** A consumer is about to say what becomes of a message. Whatever comes of it, it does not hold the message any more. */
export interface Settling {
  kind: 'settling';
  at: number;
  lock: string;
  how: Settlement;
}

/** And was told that it is done. Without this it may have been done, or not. */
export interface Settled {
  kind: 'settled';
  at: number;
  lock: string;
  how: Settlement;
}

/** And was told that the lock does not hold any more: it was not done. */
export interface LockLost {
  kind: 'lock-lost';
  at: number;
  lock: string;
}

/** A subscriber was given a message. */
export interface Pushed {
  kind: 'pushed';
  at: number;
  subscriber: string;
  producer: string;
  sequence: number;
  hash: number;
}

/** And has acknowledged it. */
export interface Taken {
  kind: 'taken';
  at: number;
  subscriber: string;
  producer: string;
  sequence: number;
}

/** A message was put among the dead letters of a queue or router. Each entry there has one of these. */
export interface Buried {
  kind: 'buried';
  at: number;
  of: string;
  producer: string;
  sequence: number;
}

/** A message was found among the dead letters of a queue or router in the end, and taken from them. */
export interface DeadLetter {
  kind: 'dead-letter';
  at: number;
  /** Whose dead letters they are. */
  of: string;
  producer: string;
  sequence: number;
  hash: number;
  reason: string;
  /** Where the dead letter says it comes from. */
  source: string;
}

/** Nothing moves any more, and everybody who could take something had time to: what has not arrived never will. */
export interface AtRest {
  kind: 'at-rest';
  at: number;
}
