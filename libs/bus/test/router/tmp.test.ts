import { it } from 'vitest';
import { failover } from './support/failover.ts';

it('x', async () => {
  for (const at of [82, 131])
    for (const e of ['frozen', 'cut_off', 'answers_lost'] as const) {
      const o = await failover(at, e);
      const both = o.members.webhook?.filter((v) => o.members.leaves?.includes(v));
      console.log(at, e, both);
    }
}, 60000);
