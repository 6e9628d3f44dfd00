import type { HubGoodbye } from '@message-vault/bus';
import type { ConnectionPointDocument } from '@message-vault/metadata';
import { MAX_FRAME_BYTES, RELAY_SUBPROTOCOL } from '@message-vault/relay-protocol';
import type { SocketRequest, SocketService } from '../upgrade/service.ts';
import { CLOSE, type VaultSocket } from '../upgrade/vault-socket.ts';

const CODES: Readonly<Record<HubGoodbye, number>> = {
  protocol_error: CLOSE.protocolError,
  not_leader: CLOSE.moved,
  going_away: CLOSE.goingAway,
  name_gone: CLOSE.nameGone,
};

/** How often it is looked whether the name is a connection point still, milliseconds. */
const CHECK_NAME_MS = 1000;

/** Where those connect who serve a connection point. */
export const listenService: SocketService<ConnectionPointDocument> = {
  action: 'read',
  route: 'relay_listener',
  subprotocol: RELAY_SUBPROTOCOL,
  subprotocolRequired: true,
  maxMessageBytes: MAX_FRAME_BYTES,
  prepare: ({ context, document }) => context.ports.relay.checkRoom(document.name),
  serve,
};

/** Room was there a moment ago, in the same turn: nothing can have taken it. */
function serve(request: SocketRequest<ConnectionPointDocument>, socket: VaultSocket): void {
  const { context, document } = request;
  const attached = context.ports.relay.attach(document.name, {
    send: (frame) => socket.send(frame),
    room: () => socket.room(),
    close: (why, detail) => socket.close(CODES[why], detail),
  });
  const watch = setInterval(() => void sendAwayWhenGone(), CHECK_NAME_MS);
  watch.unref();
  async function sendAwayWhenGone(): Promise<void> {
    if (await isConnectionPoint(request)) return;
    attached.drain('name_gone', `${document.name} is no connection point any more`);
  }
  socket.use({
    message(data, isBinary) {
      if (isBinary) attached.received(data);
      else socket.close(CLOSE.wrongKind, 'frames are binary messages');
    },
    closed() {
      clearInterval(watch);
      attached.detach();
    },
    goAway: () => attached.drain('going_away', 'this node stops'),
  });
}

/** A node that can't find out goes on with what it knew. */
async function isConnectionPoint({ context, document }: SocketRequest): Promise<boolean> {
  try {
    return (await context.ports.lookup(document.name))?.role === 'connection-point';
  } catch (error) {
    context.options.logger.debug({ error, name: document.name }, 'a name could not be looked up');
    return true;
  }
}
