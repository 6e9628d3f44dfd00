/** How long a listener that went may stay away before what it holds goes to others. */
export const LISTENER_GRACE_MS = 10_000;

/** Under which alarms of a router `one` are set. */
export function graceKey(listenerId: string): string {
  return `return of ${listenerId}`;
}

export function rejoinKey(memberId: string): string {
  return `rejoining of ${memberId}`;
}
