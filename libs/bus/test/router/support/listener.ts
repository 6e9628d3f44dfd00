import type { Position, ReadMessage } from '@message-vault/log';
import type { Attachment, ListenerEnd, RouterListener } from '../../../src/index.ts';

/** A listener that keeps what it is offered, and acknowledges at once unless told otherwise. */
export class TestListener implements RouterListener {
  readonly id: string;
  readonly filter?: string;
  readonly from?: Position;
  readonly offered: ReadMessage[] = [];
  /** Values whose acknowledgement is durable. */
  readonly kept: string[] = [];
  /** Values it has acknowledged. */
  readonly answered: string[] = [];
  readonly ends: ListenerEnd[] = [];
  acknowledges = true;
  room = Number.POSITIVE_INFINITY;
  attachment: Attachment | undefined;

  constructor(id: string, options: { filter?: string; from?: Position } = {}) {
    this.id = id;
    if (options.filter !== undefined) this.filter = options.filter;
    if (options.from !== undefined) this.from = options.from;
  }

  offer(message: ReadMessage): 'taken' | 'full' {
    if (this.room <= 0) return 'full';
    this.room -= 1;
    this.offered.push(message);
    if (this.acknowledges) {
      this.answered.push(Buffer.from(message.value).toString());
      queueMicrotask(() => this.attachment?.acknowledge(message.offset));
    }
    return 'taken';
  }

  acknowledged(offset: number): void {
    const message = this.offered.find((each) => each.offset === offset);
    this.kept.push(message === undefined ? `? ${offset}` : Buffer.from(message.value).toString());
  }

  ended(why: ListenerEnd): void {
    this.ends.push(why);
  }
}
