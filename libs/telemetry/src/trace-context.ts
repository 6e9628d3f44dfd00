/**
 * `traceparent` of W3C Trace Context (level 2, 3.2): version, trace id, parent id and flags. Version 00 has exactly
 * these, a later one may have more behind them; ff, and ids of zeros only, are none.
 */
const TRACEPARENT =
  /^(?:00(?=.{53}$)|(?!00|ff)[0-9a-f]{2})-(?!0{32})(?<traceId>[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?$/;

/** The id of the trace a request belongs to: 32 hexadecimal digits. Undefined without a valid header. */
export function traceIdOf(traceparent: string | string[] | undefined): string | undefined {
  return typeof traceparent === 'string' ? TRACEPARENT.exec(traceparent)?.groups?.traceId : undefined;
}
