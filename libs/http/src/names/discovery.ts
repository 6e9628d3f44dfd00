import { authorize, type Exchange, type HttpContext } from '../exchange.ts';
import type { AccessQuestion } from '../options.ts';
import type { PageRequest, SeenName } from '../ports.ts';
import { HttpProblem } from '../problems.ts';

/** What one of must be allowed for a name to be seen in listings, by its discoverability. `public` needs nothing. */
const ENOUGH: Readonly<Record<SeenName['summary']['discoverability'], readonly AccessQuestion['action'][]>> =
  {
    managers: ['manage'],
    listeners: ['manage', 'read'],
    senders: ['manage', 'read', 'publish'],
    public: [],
  };

/** Who may do everything sees everything. */
export function seenBy(context: HttpContext, exchange: Exchange): PageRequest['sees'] {
  if (context.options.authorize === undefined) return undefined;
  return async ({ name, summary }) => {
    const actions = ENOUGH[summary.discoverability];
    for (const action of actions) {
      if (await isAllowed(context, exchange, { action, name, policy: summary, role: summary.role }))
        return true;
    }
    return actions.length === 0;
  };
}

async function isAllowed(
  context: HttpContext,
  exchange: Exchange,
  question: Pick<AccessQuestion, 'action' | 'name' | 'policy' | 'role'>,
): Promise<boolean> {
  try {
    await authorize(context, exchange, question);
    return true;
  } catch (error) {
    if (error instanceof HttpProblem && (error.code === 'unauthorized' || error.code === 'forbidden'))
      return false;
    throw error;
  }
}
