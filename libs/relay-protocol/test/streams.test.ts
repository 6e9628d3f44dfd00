import { describe, expect, it } from 'vitest';
import {
  type BodyFrame,
  decodeFrame,
  type Link,
  RelayProtocolError,
  StreamCancelled,
  type StreamObserver,
  Streams,
  WINDOW_BYTES,
} from '../src/index.ts';

const QUIET: StreamObserver = { ended: () => undefined, cancelled: () => undefined };
const PIECE = 10_000;

/** Two ends of a connection; what one sends reaches the other at the next turn, unless it is held. */
function connection() {
  const ends: { streams: Streams; sentBytes: number }[] = [];
  const link = (from: number): Link => ({
    send(bytes) {
      const mine = ends[from];
      const other = ends[1 - from];
      const frame = decodeFrame(bytes);
      if (mine === undefined || other === undefined || !isBodyFrame(frame))
        throw new Error('not a body frame');
      if (frame.type === 'data') mine.sentBytes += frame.bytes.length;
      queueMicrotask(() => other.streams.handle(frame));
    },
    room: () => Promise.resolve(),
  });
  ends.push({ streams: new Streams(link(0)), sentBytes: 0 }, { streams: new Streams(link(1)), sentBytes: 0 });
  const [hub, listener] = ends;
  if (hub === undefined || listener === undefined) throw new Error('two ends were made');
  return { hub, listener };
}

function isBodyFrame(frame: { type: string }): frame is BodyFrame {
  return ['data', 'end', 'cancel', 'credit'].includes(frame.type);
}

async function* endless(state: { given: number }): AsyncGenerator<Uint8Array> {
  for (;;) {
    state.given += PIECE;
    yield Buffer.alloc(PIECE, 1);
  }
}

/** Lets everything happen that can happen by itself. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
}

describe('a body between two ends', () => {
  it('arrives whole and in order, larger than the window', async () => {
    const { hub, listener } = connection();
    const out = hub.streams.open(1, QUIET);
    const into = listener.streams.open(1, QUIET);
    const sent = Buffer.alloc(
      3_000_000,
      Uint8Array.from({ length: 251 }, (_, index) => index),
    );
    const sending = out.outgoing.send([sent.subarray(0, 5), sent.subarray(5)]);
    const pieces: Uint8Array[] = [];
    for await (const piece of into.incoming) pieces.push(piece);
    expect(await sending).toBe(true);
    expect(Buffer.concat(pieces).equals(sent)).toBe(true);
    expect(hub.sentBytes).toBe(sent.length);
  });

  it('stops at the window when nobody reads it, and takes no more from its source than one piece', async () => {
    const { hub, listener } = connection();
    const out = hub.streams.open(1, QUIET);
    const into = listener.streams.open(1, QUIET);
    const state = { given: 0 };
    const sending = out.outgoing.send(endless(state));
    await settle();
    expect(into.incoming.heldBytes).toBeGreaterThan(WINDOW_BYTES - 2 * PIECE);
    expect(into.incoming.heldBytes).toBeLessThanOrEqual(WINDOW_BYTES);
    expect(state.given).toBeLessThanOrEqual(WINDOW_BYTES + PIECE);
    hub.streams.cancel(out, 'client-gone', 'enough');
    expect(await sending).toBe(false);
    await settle();
    await expect(Array.fromAsync(into.incoming)).rejects.toThrow(StreamCancelled);
  });

  it('does not hold up another stream of the same connection', async () => {
    const { hub, listener } = connection();
    void hub.streams.open(1, QUIET).outgoing.send(endless({ given: 0 }));
    listener.streams.open(1, QUIET);
    await settle();
    const out = hub.streams.open(2, QUIET);
    const into = listener.streams.open(2, QUIET);
    void out.outgoing.send([Buffer.from('past')]);
    expect(Buffer.concat(await Array.fromAsync(into.incoming)).toString()).toBe('past');
    hub.streams.fail(new Error('over'));
  });

  it('waits for room on the link', async () => {
    const room = Promise.withResolvers<void>();
    const sent: Uint8Array[] = [];
    const streams = new Streams({ send: (frame) => sent.push(frame), room: () => room.promise });
    const sending = streams.open(1, QUIET).outgoing.send([Buffer.from('x')]);
    await settle();
    expect(sent).toHaveLength(0);
    room.resolve();
    expect(await sending).toBe(true);
    expect(sent.map((frame) => decodeFrame(frame).type)).toEqual(['data', 'end']);
  });

  it('is not taken for complete when the connection is lost, but what came is given first', async () => {
    const { hub, listener } = connection();
    const into = listener.streams.open(1, QUIET);
    void hub.streams.open(1, QUIET).outgoing.send(endless({ given: 0 }));
    await settle();
    listener.streams.fail(new Error('lost'));
    let received = 0;
    const reading = async (): Promise<void> => {
      for await (const piece of into.incoming) received += piece.length;
    };
    await expect(reading()).rejects.toThrow('lost');
    expect(received).toBeGreaterThan(WINDOW_BYTES - 2 * PIECE);
  });
});

describe('an end that does not keep to the protocol', () => {
  const link: Link = { send: () => undefined, room: () => Promise.resolve() };

  function refused(work: (streams: Streams) => void): string {
    const streams = new Streams(link);
    streams.open(1, QUIET);
    try {
      work(streams);
    } catch (error) {
      if (error instanceof RelayProtocolError) return error.code;
      throw error;
    }
    return 'nothing was refused';
  }

  it.each<[what: string, code: string, work: (streams: Streams) => void]>([
    [
      'sends more than it has credit for',
      'over_credit',
      (streams) => {
        for (let index = 0; index < 6; index += 1)
          streams.handle({ type: 'data', stream: 1, bytes: new Uint8Array(60_000) });
      },
    ],
    [
      'sends more small pieces than it has credit for',
      'over_credit',
      (streams) => {
        for (let index = 0; index <= 1024; index += 1)
          streams.handle({ type: 'data', stream: 1, bytes: new Uint8Array(1) });
      },
    ],
    [
      'gives credit nobody used',
      'over_credit',
      (streams) => streams.handle({ type: 'credit', stream: 1, bytes: 1 }),
    ],
    [
      'speaks of a stream there never was',
      'out_of_order',
      (streams) => streams.handle({ type: 'end', stream: 2 }),
    ],
    ['uses a number again', 'out_of_order', (streams) => streams.open(1, QUIET)],
    [
      'ends a body twice',
      'out_of_order',
      (streams) => {
        streams.handle({ type: 'end', stream: 1 });
        streams.handle({ type: 'end', stream: 1 });
      },
    ],
    [
      'sends on after the end',
      'out_of_order',
      (streams) => {
        streams.handle({ type: 'end', stream: 1 });
        streams.handle({ type: 'data', stream: 1, bytes: new Uint8Array(1) });
      },
    ],
  ])('is found out when it %s', (_what, code, work) => {
    expect(refused(work)).toBe(code);
  });

  it('is not blamed for what was under way when the stream was closed', () => {
    const streams = new Streams(link);
    const stream = streams.open(1, QUIET);
    streams.close(stream);
    streams.handle({ type: 'data', stream: 1, bytes: new Uint8Array(1) });
    streams.handle({ type: 'cancel', stream: 1, code: 'answered', reason: '' });
    expect(streams.size).toBe(0);
  });
});
