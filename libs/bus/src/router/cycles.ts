/** A router and the routers it hands on to. */
export type Edges = (routerId: string) => Iterable<string>;

/** Whether what `from` hands on may, by any way, reach `to`. */
export function reaches(from: string, to: string, edges: Edges): boolean {
  const seen = new Set<string>();
  const open = [from];
  for (let router = open.pop(); router !== undefined; router = open.pop()) {
    if (router === to) return true;
    if (seen.has(router)) continue;
    seen.add(router);
    open.push(...edges(router));
  }
  return false;
}
