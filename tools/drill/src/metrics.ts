/** Sum of the series of a counter or gauge on a node's metrics page whose labels match. Throws what fetch throws. */
export async function metricOf(url: string, series: { name: string; having?: RegExp }): Promise<number> {
  const response = await fetch(`${url}/-/metrics`);
  let sum = 0;
  for (const line of (await response.text()).split('\n')) {
    const matches = line.startsWith(series.name) && (series.having?.test(line) ?? true);
    if (matches) sum += Number(line.slice(line.lastIndexOf(' ') + 1));
  }
  return sum;
}
