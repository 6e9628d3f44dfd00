import { isVaultClientError, type VaultClient } from '@message-vault/client';
import type { Composition } from './composition.ts';

/** Where messages still are that should have arrived, in the nodes' own words; a sentence each. */
export async function whatWaits(client: VaultClient, composition: Composition): Promise<string[]> {
  const told: string[] = [];
  for (const queue of composition.queues) {
    const stats = await orNothing(client.queue(queue).stats());
    if (stats !== undefined && stats.depth > 0)
      told.push(`${queue} still holds ${stats.depth} messages, ${stats.locked ?? 'some'} of them locked`);
  }
  for (const name of composition.routers) {
    const stats = await orNothing(client.router(name).stats());
    if (stats !== undefined)
      told.push(
        `${name} has ${stats.listeners ?? 0} listeners, and subscribers that are ${stats.maxLag ?? 0} messages behind`,
      );
    const subscriptions = await orNothing(client.router(name).subscriptions());
    for (const { target, state, lag = 0, lastError } of subscriptions ?? []) {
      const to = 'name' in target ? target.name : target.webhook;
      if (lag > 0)
        told.push(`${to} of ${name} is ${state} and ${lag} messages behind: ${lastError ?? 'no error'}`);
    }
  }
  return told;
}

/** What can't be asked is no news: the checkers judge what did not arrive. */
async function orNothing<Answer>(asked: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (isVaultClientError(error)) return undefined;
    throw error;
  }
}
