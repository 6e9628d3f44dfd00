import { z } from 'zod';

const share = z.number().min(0).max(1).default(1).describe('of the requests, 0 to 1, chosen at random');
const only = z
  .enum(['all', 'reads', 'writes'])
  .default('all')
  .describe('reads are GET and HEAD, but not the GET that takes messages from a queue');

/** What a link does to what passes through it. The last two look into HTTP and need a link of protocol `http`. */
export const modeSchema = z.discriminatedUnion('mode', [
  z.strictObject({ mode: z.literal('pass') }),
  /** Every connection is reset (RST), and so is every new one as soon as it is made. */
  z.strictObject({ mode: z.literal('cut') }),
  /** Every connection is reset and nobody listens: a new one is refused, as by a machine whose process is gone. */
  z.strictObject({ mode: z.literal('refuse') }),
  /**
   * A black hole: connections stay, new ones are accepted, and nothing comes through either way. What was sent into it
   * is kept, up to 8 MiB each way and connection. When the mode changes it is delivered, even for a sender that gave up
   * long ago, as a network may do; with `onHeal: 'reset'` the connections are reset instead.
   */
  z.strictObject({ mode: z.literal('half-open'), onHeal: z.enum(['deliver', 'reset']).default('deliver') }),
  /** Everything arrives `delayMs`, and up to `jitterMs` more, later, each way. Order within a connection is kept. */
  z.strictObject({
    mode: z.literal('delay'),
    delayMs: z.number().min(0).max(600_000),
    jitterMs: z.number().min(0).max(600_000).default(0),
  }),
  /** All connections together get this much, each way. */
  z.strictObject({ mode: z.literal('throttle'), bytesPerSecond: z.number().min(1).max(1e12) }),
  /** Requests are not passed on but answered with an error as Azure Storage words it (`ServerBusy` for 503). */
  z.strictObject({
    mode: z.literal('errors'),
    share,
    only,
    status: z.union([z.literal(500), z.literal(503)]).default(503),
    retryAfterSeconds: z.int().min(0).max(3600).optional(),
  }),
  /** Requests are passed on and carried out; the answer is swallowed and the connection reset. */
  z.strictObject({ mode: z.literal('drop-answer'), share, only }),
]);

/** A mode with all its settings. */
export type Mode = z.output<typeof modeSchema>;
/** A mode as one writes it, defaults left out: `{ mode: 'cut' }`. */
export type ModeInput = z.input<typeof modeSchema>;

export type HttpMode = Extract<Mode, { mode: 'errors' | 'drop-answer' }>;

export const isHttpMode = (mode: Mode): mode is HttpMode =>
  mode.mode === 'errors' || mode.mode === 'drop-answer';
