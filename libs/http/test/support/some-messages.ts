import { type Published, publishValues } from './requests.ts';
import { type RunningNode, startNode } from './test-node.ts';

/** A node whose stream `orders` has the values 0 to 8 in three commits: of three, two and four messages. */
export async function startWithMessages(): Promise<RunningNode & { readonly commits: readonly Published[] }> {
  const running = await startNode();
  const commits = [];
  for (const values of [
    [0, 1, 2],
    [3, 4],
    [5, 6, 7, 8],
  ])
    commits.push(await publishValues(running.url, 'orders', values));
  return { ...running, commits };
}
