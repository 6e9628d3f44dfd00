import type { Delivery, DeliveryResult } from '../../../src/index.ts';
import type { World } from './world.ts';

/** A webhook that remembers what it took. */
export function taking(
  world: World,
  url: string,
  answer: (delivery: Delivery) => DeliveryResult = () => ({ outcome: 'delivered' }),
): string[] {
  const took: string[] = [];
  world.webhooks.set(url, (delivery) => {
    const result = answer(delivery);
    if (result.outcome === 'delivered') took.push(Buffer.from(delivery.message.value).toString());
    return result;
  });
  return took;
}
