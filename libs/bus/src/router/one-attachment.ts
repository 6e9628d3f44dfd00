import type { Alarms } from './alarms.ts';
import type { Attachment, RouterListener } from './listener.ts';
import type { OneListener } from './one-listener.ts';
import type { OneMember } from './one-member.ts';

/** Acknowledgements on their way to being saved, and who is to hear of it. */
export class Acknowledgements {
  readonly #waiting = new Map<number, RouterListener>();

  /**
   * `acknowledge` says whether the message was still the listener's. One said again is not: the first is on its way then,
   * and is to be heard of.
   */
  add(offset: number, listener: RouterListener, acknowledge: () => boolean): void {
    const before = this.#waiting.get(offset);
    this.#waiting.set(offset, listener);
    if (acknowledge()) return;
    if (before === undefined) this.#waiting.delete(offset);
    else this.#waiting.set(offset, before);
  }

  /** The message was dealt with: who acknowledged it, if anybody did. */
  take(offset: number): RouterListener | undefined {
    const listener = this.#waiting.get(offset);
    this.#waiting.delete(offset);
    return listener;
  }
}

interface Connecting {
  readonly member: OneMember;
  readonly target: OneListener;
  readonly alarms: Alarms;
  readonly acknowledgements: Acknowledgements;
  /** The connection is gone. */
  gone(): void;
}

/** Puts a connection in front of a member that may have had another one. */
export function connectListener(listener: RouterListener, parts: Connecting): Attachment {
  const { member, target, alarms, acknowledgements } = parts;
  const go = (): void => {
    target.offerAgain();
    member.kick();
  };
  target.disconnect('replaced');
  target.connect(listener);
  // Nothing is offered before whoever attaches has the attachment in hand.
  alarms.set(target, 0, go);
  return {
    acknowledge: (offset) => {
      if (target.listener === listener)
        acknowledgements.add(offset, listener, () => target.acknowledge(offset));
    },
    room: go,
    detach: () => {
      if (target.listener !== listener) return;
      target.disconnect();
      parts.gone();
    },
  };
}

/** For a listener that came when nobody can be let in any more. */
export function refuseListener(listener: RouterListener): Attachment {
  listener.ended('not_leader');
  return { acknowledge: () => {}, room: () => {}, detach: () => {} };
}
