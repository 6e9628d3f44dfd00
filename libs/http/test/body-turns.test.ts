import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { createMetrics } from '@message-vault/telemetry';
import { expect, it } from 'vitest';
import { BodyReader } from '../src/body.ts';
import { BodyTurns } from '../src/body-turns.ts';

const KIB = 1024;
const BODY_BYTES = 4 * KIB * KIB;
/** What is taken in a turn, a piece more, and what the stream had taken from the socket when it was told to stop. */
const MAX_BYTES_PER_TURN = 256 * KIB;

it('takes a large body in turns with everything else, and whole', async () => {
  const bodies = new BodyReader(
    {
      maxBodyBytes: BODY_BYTES,
      maxBodyBytesInFlight: BODY_BYTES,
      bodyTimeoutMs: 10_000,
      bodyTotalTimeoutMs: 60_000,
    },
    createMetrics({ nodeId: 'm', processMetrics: false }),
  );
  const sent = Buffer.alloc(BODY_BYTES, 'the body ');
  let most = 0;
  let received: Buffer | undefined;
  const pieces: Buffer[] = [];
  const server = createServer(async (req, res) => {
    // Much of it is in the socket by then.
    await pause(100);
    req.on('data', (piece: Buffer) => pieces.push(piece));
    const turns = watchTurns(() => bodies.heldBytes);
    const body = await bodies.read(exchangeOf(req, res));
    received = body.bytes;
    body.release();
    most = Math.max(most, turns.stop());
    res.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  // The kernel lets a connection hold the more, the more has come over it.
  for (let times = 0; times < 5; times += 1) {
    await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: sent }).then((answer) => answer.text());
    expect(received?.equals(sent)).toBe(true);
  }
  await new Promise((resolve) => server.close(resolve));
  expect(most).toBeLessThanOrEqual(MAX_BYTES_PER_TURN);
  // In its place each of them is given back.
  expect(pieces.length).toBeGreaterThan(BODY_BYTES / MAX_BYTES_PER_TURN);
  expect(pieces.filter((piece) => piece.byteLength > 0)).toEqual([]);
});

it('goes on with the body that came first, while others have their turn too', async () => {
  const turns = new BodyTurns();
  const went: string[] = [];
  const body = (name: string) => {
    const req = { pause: () => {}, resume: () => went.push(name) };
    return turns.join(req);
  };
  const [first, second, third] = [body('first'), body('second'), body('third')];
  for (const each of [third, second, first]) each.took(1024 * KIB, () => {});
  await new Promise((resolve) => setImmediate(resolve));
  expect(went).toEqual(['first']);
  first.took(1024 * KIB, () => {});
  await new Promise((resolve) => setImmediate(resolve));
  expect(went).toEqual(['first', 'first']);
  // It has nothing more, or waits for its client.
  for (let round = 0; round < 3; round += 1) await new Promise((resolve) => setImmediate(resolve));
  expect(went).toEqual(['first', 'first', 'second', 'third']);
});

/** By how much `value` grows at most from one turn of the event loop to the next. */
function watchTurns(value: () => number): { stop(): number } {
  let most = 0;
  let last = value();
  let running = true;
  const look = (): void => {
    most = Math.max(most, value() - last);
    last = value();
    if (running) setImmediate(look);
  };
  setImmediate(look);
  return {
    stop() {
      running = false;
      return most;
    },
  };
}

function exchangeOf(req: IncomingMessage, res: ServerResponse) {
  return { req, res, requestId: 'one', awaitsGoAhead: false, route: 'publish', longLived: false };
}
