import type { Attachment, ListenerEnd, RouterListener } from '@message-vault/bus';
import type { ReadMessage } from '@message-vault/log';
import type { RouterDocument } from '@message-vault/metadata';
import { isObject } from '../json.ts';
import { messageJson } from '../read/render.ts';
import type { SocketRequest, SocketService } from '../upgrade/service.ts';
import { CLOSE, type VaultSocket } from '../upgrade/vault-socket.ts';
import { type WantedListening, wantedListening, wantedWindow } from './wanted.ts';

/** Acknowledgements are a few dozen bytes. */
const MAX_MESSAGE_BYTES = 4096;

const CODES: Readonly<Record<ListenerEnd, number>> = {
  replaced: CLOSE.replaced,
  router_gone: CLOSE.nameGone,
  not_leader: CLOSE.moved,
  too_slow: CLOSE.tooSlow,
};
const REASONS: Readonly<Record<ListenerEnd, string>> = {
  replaced: 'replaced: the same listener has connected again',
  router_gone: 'router_gone: the name is no router any more',
  not_leader: 'not_leader: connect again, to any node',
  too_slow: 'too_slow: what was given was not acknowledged in time',
};

/** Listening to a router by WebSocket. */
export const routerSocketService: SocketService<RouterDocument> = {
  action: 'read',
  route: 'router_listener',
  subprotocol: 'message-vault.v1',
  subprotocolRequired: false,
  maxMessageBytes: MAX_MESSAGE_BYTES,
  async prepare(request) {
    const { context, document, target } = request;
    const wanted = wantedListening(document, target.query);
    const window = wantedWindow(target.query, context.options.limits.listener.maxUnacknowledged);
    const release = context.listeners.take();
    try {
      const listener = new RouterSocket(request, { ...wanted, window }, release);
      listener.attached(await context.ports.routers.attach(document, listener));
      return { serve: (socket) => listener.serve(socket), abandon: () => listener.leave() };
    } catch (error) {
      release();
      throw error;
    }
  },
};

/**
 * A listener at the end of a WebSocket. It is given so many messages before it has to acknowledge some; what it does not
 * read waits in buffers that are bounded as well.
 */
class RouterSocket implements RouterListener {
  readonly id: string;
  readonly filter: string | undefined;
  readonly from: RouterListener['from'];
  readonly #limits: { maxUnacknowledged: number; maxUnacknowledgedBytes: number };
  readonly #release: () => void;
  /** Given and not acknowledged, with the bytes of each. */
  readonly #given = new Map<number, number>();
  #givenBytes = 0;
  #refused = false;
  #socket: VaultSocket | undefined;
  #attachment: Attachment | undefined;
  /** Why there is nothing more to come, when that is known before the connection is there. */
  #end: ListenerEnd | undefined;

  constructor(
    { context }: SocketRequest,
    wanted: WantedListening & { readonly window: number },
    release: () => void,
  ) {
    this.id = wanted.id;
    this.filter = wanted.filter;
    this.from = wanted.from;
    const { maxUnacknowledgedBytes } = context.options.limits.listener;
    this.#limits = { maxUnacknowledged: wanted.window, maxUnacknowledgedBytes };
    this.#release = release;
  }

  attached(attachment: Attachment): void {
    this.#attachment = attachment;
  }

  serve(socket: VaultSocket): void {
    socket.use({
      message: (data, isBinary) => this.#received(data, isBinary),
      closed: () => this.leave(),
    });
    this.#socket = socket;
    if (this.#end !== undefined) this.ended(this.#end);
    else this.#room();
  }

  /** The connection is gone, or never was. */
  leave(): void {
    this.#attachment?.detach();
    this.#attachment = undefined;
    this.#release();
  }

  offer(message: ReadMessage): 'taken' | 'full' {
    const socket = this.#socket;
    if (socket === undefined || this.#isFull || !socket.isOpen) return this.#full();
    if (!socket.hasRoom) {
      void socket.room().then(() => this.#room());
      return this.#full();
    }
    const text = `{"type":"message",${messageJson(message).slice(1)}`;
    this.#forget(message.offset);
    this.#given.set(message.offset, text.length);
    this.#givenBytes += text.length;
    socket.send(text);
    return 'taken';
  }

  acknowledged(offset: number): void {
    this.#socket?.send(`{"type":"acked","offset":${offset}}`);
  }

  ended(why: ListenerEnd): void {
    this.#end = why;
    this.#attachment = undefined;
    this.#socket?.close(CODES[why], REASONS[why]);
  }

  get #isFull(): boolean {
    const { maxUnacknowledged, maxUnacknowledgedBytes } = this.#limits;
    return this.#given.size >= maxUnacknowledged || this.#givenBytes >= maxUnacknowledgedBytes;
  }

  #full(): 'full' {
    this.#refused = true;
    return 'full';
  }

  #room(): void {
    if (!this.#refused || this.#isFull) return;
    this.#refused = false;
    this.#attachment?.room();
  }

  #received(data: Buffer, isBinary: boolean): void {
    const offset = isBinary ? undefined : acknowledgedOffset(data.toString('utf8'));
    if (offset === undefined) {
      this.#socket?.close(CLOSE.policy, 'bad_message: expected {"type":"ack","offset":N}');
      return;
    }
    this.#forget(offset);
    this.#attachment?.acknowledge(offset);
    this.#room();
  }

  #forget(offset: number): void {
    this.#givenBytes -= this.#given.get(offset) ?? 0;
    this.#given.delete(offset);
  }
}

/** Undefined for anything but an acknowledgement. */
function acknowledgedOffset(text: string): number | undefined {
  try {
    const message: unknown = JSON.parse(text);
    if (!isObject(message) || message.type !== 'ack' || typeof message.offset !== 'number') return undefined;
    return Number.isSafeInteger(message.offset) ? message.offset : undefined;
  } catch {
    return undefined;
  }
}
