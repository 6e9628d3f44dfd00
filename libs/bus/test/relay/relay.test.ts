import { decodeFrame, encodeFrame, type Frame, WINDOW_BYTES } from '@message-vault/relay-protocol';
import { systemRuntime } from '@message-vault/runtime';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  type AttachedListener,
  type HubGoodbye,
  Relay,
  type RelayAnswer,
  RelayError,
  type RelayRequest,
  type RelaySettings,
} from '../../src/index.ts';

const SETTINGS: RelaySettings = {
  maxListeners: 10,
  maxListenersPerName: 4,
  maxRequests: 20,
  maxRequestsPerListener: 3,
  answerTimeoutMs: 60_000,
  settleMs: 0,
  drainMs: 60_000,
};

/** The far end of a connection, which speaks frames by hand. */
class Listener {
  readonly frames: Frame[] = [];
  goodbye: HubGoodbye | undefined;
  readonly attached: AttachedListener;

  constructor(relay: Relay, name = 'api') {
    this.attached = relay.attach(name, {
      send: (frame) => this.frames.push(decodeFrame(frame)),
      room: () => Promise.resolve(),
      close: (why) => {
        this.goodbye = why;
      },
    });
  }

  say(frame: Frame): void {
    this.attached.received(encodeFrame(frame));
  }

  answer(stream: number, text: string): void {
    this.say({ type: 'answer', stream, head: { status: 200, headers: [], body: true } });
    this.say({ type: 'data', stream, bytes: Buffer.from(text) });
    this.say({ type: 'end', stream });
  }

  get requests(): number[] {
    return this.frames.filter((frame) => frame.type === 'request').map((frame) => frame.stream);
  }

  cancelled(): string[] {
    return this.frames.flatMap((frame) => (frame.type === 'cancel' ? [frame.code] : []));
  }
}

function openRelay(settings: Partial<RelaySettings> = {}): Relay {
  const relay = new Relay({ runtime: systemRuntime, settings: { ...SETTINGS, ...settings } });
  relay.open();
  onTestFinished(() => relay.close());
  return relay;
}

function get(more: Partial<RelayRequest> = {}): RelayRequest {
  const { signal } = new AbortController();
  return { method: 'GET', path: '/', headers: [], body: undefined, signal, ...more };
}

async function textOf(answer: RelayAnswer): Promise<string> {
  const pieces = await Array.fromAsync(answer.body ?? []);
  answer.release();
  return Buffer.concat(pieces).toString();
}

function code(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'answered',
    (error: unknown) => {
      if (error instanceof RelayError) return error.code;
      throw error;
    },
  );
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await new Promise(setImmediate);
}

describe('a relay', () => {
  it('gives a request to the listener of the name and its answer back', async () => {
    const relay = openRelay();
    const listener = new Listener(relay);
    const asked = relay.request('api', get({ method: 'PUT', path: '/x?y', headers: [['a', 'b']] }));
    expect(listener.frames).toEqual([
      {
        type: 'request',
        stream: 1,
        head: { method: 'PUT', path: '/x?y', headers: [['a', 'b']], body: false },
      },
    ]);
    listener.answer(1, 'hello');
    expect(relay.requests).toBe(1);
    expect(await textOf(await asked)).toBe('hello');
    expect(relay.requests).toBe(0);
    expect(listener.attached.inFlight).toBe(0);
  });

  it('balances by what is under way, and takes turns among equals', async () => {
    const relay = openRelay();
    const [one, two] = [new Listener(relay), new Listener(relay)];
    for (let request = 0; request < 4; request += 1) void code(relay.request('api', get()));
    expect([one.requests.length, two.requests.length]).toEqual([2, 2]);
    one.answer(1, 'x');
    one.answer(2, 'x');
    for (let request = 0; request < 2; request += 1) void code(relay.request('api', get()));
    expect([one.requests.length, two.requests.length]).toEqual([4, 2]);
  });

  it('says that nobody serves a name, also when others are served', async () => {
    const relay = openRelay();
    new Listener(relay, 'other');
    expect(await code(relay.request('api', get()))).toBe('no_listener');
  });

  it('waits for listeners to come back right after the node began to lead', async () => {
    const relay = openRelay({ settleMs: 60_000 });
    const asked = relay.request('api', get());
    await settle();
    const listener = new Listener(relay);
    await settle();
    listener.answer(1, 'back again');
    expect(await textOf(await asked)).toBe('back again');
  });

  it('is busy when all listeners have as much as they take, and when it has itself', async () => {
    const relay = openRelay({ maxRequests: 5 });
    new Listener(relay);
    for (let request = 0; request < 3; request += 1) void code(relay.request('api', get()));
    expect(await code(relay.request('api', get()))).toBe('busy');
    new Listener(relay);
    for (let request = 0; request < 2; request += 1) void code(relay.request('api', get()));
    expect(await code(relay.request('api', get()))).toBe('busy');
  });

  it('takes no more listeners than it may', () => {
    const relay = openRelay({ maxListeners: 2, maxListenersPerName: 1 });
    new Listener(relay, 'a');
    expect(() => new Listener(relay, 'a')).toThrow(/1 listeners serve a/);
    new Listener(relay, 'b');
    expect(() => new Listener(relay, 'c')).toThrow(/2 listeners/);
  });

  it('gives a request that a listener refused to another, and is busy when all refuse', async () => {
    const relay = openRelay();
    const [one, two] = [new Listener(relay), new Listener(relay)];
    const asked = code(relay.request('api', get()));
    const [first, second] = one.requests.length === 1 ? [one, two] : [two, one];
    first?.say({ type: 'cancel', stream: 1, code: 'refused', reason: 'full' });
    await settle();
    expect(second?.requests).toEqual([1]);
    second?.say({ type: 'cancel', stream: 1, code: 'refused', reason: 'full' });
    expect(await asked).toBe('busy');
  });

  it('never repeats a request whose listener has gone', async () => {
    const relay = openRelay();
    const [one, two] = [new Listener(relay), new Listener(relay)];
    const asked = code(relay.request('api', get()));
    const [mine, other] = one.requests.length === 1 ? [one, two] : [two, one];
    mine?.attached.detach();
    expect(await asked).toBe('listener_failed');
    expect(other?.requests).toEqual([]);
    expect(relay.listeners('api')).toBe(1);
  });

  it('breaks an answer off, and never ends it as if it were whole, when its listener goes', async () => {
    const relay = openRelay();
    const listener = new Listener(relay);
    const asked = relay.request('api', get());
    listener.say({ type: 'answer', stream: 1, head: { status: 200, headers: [], body: true } });
    listener.say({ type: 'data', stream: 1, bytes: Buffer.from('half') });
    listener.attached.detach();
    expect(await code(textOf(await asked))).toBe('listener_failed');
  });

  it('gives up on a listener that gives no sign, and tells it', async () => {
    const relay = openRelay({ answerTimeoutMs: 20 });
    const listener = new Listener(relay);
    expect(await code(relay.request('api', get()))).toBe('timed_out');
    expect(listener.cancelled()).toEqual(['timed-out']);
    listener.answer(1, 'too late');
    expect(listener.goodbye).toBeUndefined();
  });

  it('cancels at the listener when nobody waits any more, before and within the answer', async () => {
    const relay = openRelay();
    const listener = new Listener(relay);
    const [before, within] = [new AbortController(), new AbortController()];
    const first = code(relay.request('api', get({ signal: before.signal })));
    const second = relay.request('api', get({ signal: within.signal }));
    listener.say({ type: 'answer', stream: 2, head: { status: 200, headers: [], body: true } });
    const answer = await second;
    before.abort();
    within.abort();
    expect(await first).toBe('client_gone');
    expect(listener.cancelled()).toEqual(['client-gone', 'client-gone']);
    expect(listener.attached.inFlight).toBe(0);
    answer.release();
    expect(relay.requests).toBe(0);
  });

  it('reads no more of a body than the listener takes, and stops when it has answered', async () => {
    const relay = openRelay();
    const listener = new Listener(relay);
    let given = 0;
    async function* body(): AsyncGenerator<Uint8Array> {
      for (;;) {
        given += 50_000;
        yield Buffer.alloc(50_000);
      }
    }
    const asked = relay.request('api', get({ method: 'POST', body: body() }));
    await settle();
    expect(given).toBeLessThanOrEqual(WINDOW_BYTES + 50_000);
    listener.say({ type: 'credit', stream: 1, bytes: 100_000 });
    await settle();
    expect(given).toBeGreaterThan(WINDOW_BYTES + 50_000);
    listener.answer(1, 'enough');
    expect(await textOf(await asked)).toBe('enough');
    expect(listener.cancelled()).toEqual(['answered']);
  });

  it('tells what was wrong with the body of a request, and cancels it at the listener', async () => {
    const relay = openRelay();
    const listener = new Listener(relay);
    // biome-ignore lint/correctness/useYield: it fails before the first piece
    async function* body(): AsyncGenerator<Uint8Array> {
      throw new RangeError('too large');
    }
    await expect(relay.request('api', get({ body: body() }))).rejects.toThrow('too large');
    expect(listener.cancelled()).toEqual(['failed']);
  });

  it('refuses a head larger than the protocol carries, and goes on', async () => {
    const relay = openRelay();
    const listener = new Listener(relay);
    expect(await code(relay.request('api', get({ path: `/${'x'.repeat(70_000)}` })))).toBe('head_too_large');
    void code(relay.request('api', get()));
    expect(listener.requests).toEqual([1]);
  });

  it.each<[what: string, work: (listener: Listener) => void]>([
    ['sends nonsense', (listener) => listener.attached.received(Buffer.from('GET / HTTP/1.1'))],
    [
      'sends a request',
      (listener) =>
        listener.say({
          type: 'request',
          stream: 1,
          head: { method: 'GET', path: '/', headers: [], body: false },
        }),
    ],
    [
      'sends data before the head',
      (listener) => listener.say({ type: 'data', stream: 1, bytes: Buffer.from('x') }),
    ],
    [
      'answers twice',
      (listener) => {
        listener.say({ type: 'answer', stream: 1, head: { status: 200, headers: [], body: true } });
        listener.say({ type: 'answer', stream: 1, head: { status: 200, headers: [], body: true } });
      },
    ],
    ['answers what was never asked', (listener) => listener.answer(7, 'x')],
    [
      'sends more than it has credit for',
      (listener) => {
        listener.say({ type: 'answer', stream: 1, head: { status: 200, headers: [], body: true } });
        for (let piece = 0; piece < 6; piece += 1)
          listener.say({ type: 'data', stream: 1, bytes: new Uint8Array(50_000) });
      },
    ],
  ])('sends a listener away that %s', async (_what, work) => {
    const relay = openRelay();
    const listener = new Listener(relay);
    const asked = relay.request('api', get()).then(textOf);
    work(listener);
    expect(await code(asked)).toBe('listener_failed');
    expect(listener.goodbye).toBe('protocol_error');
    expect(relay.listeners()).toBe(0);
  });
});

describe('a relay whose node leads no more', () => {
  it('takes nothing new and lets what is under way finish', async () => {
    const relay = openRelay();
    const [busy, idle] = [new Listener(relay), new Listener(relay)];
    const asked = relay.request('api', get());
    const [working, other] = busy.requests.length === 1 ? [busy, idle] : [idle, busy];
    relay.close();
    expect(await code(relay.request('api', get()))).toBe('not_leader');
    expect(() => new Listener(relay)).toThrow(/does not lead/);
    expect([working?.goodbye, other?.goodbye]).toEqual([undefined, 'not_leader']);
    expect(working?.frames.at(-1)).toEqual({ type: 'going-away', stream: 0 });
    working?.answer(1, 'done');
    expect(await textOf(await asked)).toBe('done');
    expect(working?.goodbye).toBe('not_leader');
  });

  it('does not wait for ever', async () => {
    const relay = openRelay({ drainMs: 10 });
    const listener = new Listener(relay);
    const asked = code(relay.request('api', get()));
    relay.close();
    expect(await asked).toBe('listener_failed');
    expect(listener.goodbye).toBe('not_leader');
  });

  it('gives nothing more to a listener that said it is going', async () => {
    const relay = openRelay();
    const listener = new Listener(relay);
    listener.say({ type: 'going-away', stream: 0 });
    expect(await code(relay.request('api', get()))).toBe('no_listener');
  });
});
