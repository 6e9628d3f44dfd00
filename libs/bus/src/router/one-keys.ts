/** Under which alarms of a router `one` are set. */
export function graceKey(listenerId: string): string {
  return `return of ${listenerId}`;
}

export function rejoinKey(memberId: string): string {
  return `rejoining of ${memberId}`;
}
