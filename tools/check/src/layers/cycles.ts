/**
 * The circles in a graph of imports: each as the files along one way round, first and last the same. One circle is
 * reported for every knot of files that reach each other, so mending what is reported may show the next.
 */
export function cyclesIn(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const done = new Set<string>();
  const cycles: string[][] = [];
  for (const start of graph.keys()) {
    const cycle = findCycle(graph, start, done);
    if (cycle) cycles.push(cycle);
  }
  return cycles;
}

/** Depth first with a stack of our own: import chains can be longer than the call stack. */
function findCycle(
  graph: ReadonlyMap<string, readonly string[]>,
  start: string,
  done: Set<string>,
): string[] | undefined {
  const path: string[] = [];
  const stack: { file: string; entered: boolean }[] = [{ file: start, entered: false }];
  let cycle: string[] | undefined;
  for (let top = stack.pop(); top; top = stack.pop()) {
    if (top.entered) {
      path.pop();
      continue;
    }
    const seenAt = path.indexOf(top.file);
    if (seenAt >= 0) cycle ??= [...path.slice(seenAt), top.file];
    if (done.has(top.file)) continue;
    done.add(top.file);
    path.push(top.file);
    stack.push({ file: top.file, entered: true });
    for (const next of graph.get(top.file) ?? []) stack.push({ file: next, entered: false });
  }
  return cycle;
}
