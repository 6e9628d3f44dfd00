/**
 * A proxy that makes a way between two processes bad, and good again, while it is in use: between a node and its
 * storage, or between nodes. Put it where the other was and switch:
 *
 *     const link = await openLink({ target: { host: '127.0.0.1', port: 10000 }, protocol: 'http' });
 *     // … a node is started with link.url as its storage …
 *     await link.setMode({ mode: 'errors', share: 0.3 });
 *     await link.setMode({ mode: 'half-open' });
 *     await link.setMode({ mode: 'pass' });
 *
 * `modes.ts` describes every mode. From outside the process: `openControl`, or the program, `main.ts --help`.
 */
export { type Control, openControl } from './control.ts';
export { ChaosError, type ChaosErrorCode } from './errors.ts';
export { type ChaosLink, type LinkOptions, openLink } from './link.ts';
export type { Mode, ModeInput } from './modes.ts';
export type { Address } from './relay.ts';
