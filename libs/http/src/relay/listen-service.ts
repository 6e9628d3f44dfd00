import { type AttachedListener, type HubGoodbye, RelayError } from '@message-vault/bus';
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
  prepare(request) {
    request.context.ports.relay.checkRoom(request.document.name);
    return { serve: (socket) => serve(request, socket), abandon: () => undefined };
  },
};

function serve(request: SocketRequest<ConnectionPointDocument>, socket: VaultSocket): void {
  const { document } = request;
  const attached = attach(request, socket);
  if (attached === undefined) return;
  const sendAwayWhenGone = async (): Promise<void> => {
    if (await isConnectionPoint(request)) return;
    attached.drain('name_gone', `${document.name} is no connection point any more`);
  };
  const watch = setInterval(() => void sendAwayWhenGone(), CHECK_NAME_MS);
  watch.unref();
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

/** Undefined when there is no room for it any more, or the node leads no more: both can happen within a turn. */
function attach(
  { context, document }: SocketRequest<ConnectionPointDocument>,
  socket: VaultSocket,
): AttachedListener | undefined {
  try {
    return context.ports.relay.attach(document.name, {
      send: (frame) => socket.send(frame),
      room: () => socket.room(),
      close: (why, detail) => socket.close(CODES[why], detail),
    });
  } catch (error) {
    if (!(error instanceof RelayError)) throw error;
    socket.close(error.code === 'not_leader' ? CLOSE.moved : CLOSE.busy, error.message);
    return undefined;
  }
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
