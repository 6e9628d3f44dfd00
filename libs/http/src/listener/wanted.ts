import { randomUUID } from 'node:crypto';
import { parseFilter, type RouterListener } from '@message-vault/bus';
import { isUuid } from '@message-vault/framing';
import type { RouterDocument } from '@message-vault/metadata';
import { badParameter, Query } from '../query.ts';
import { parsePosition } from '../read/position.ts';

/** Who wants to listen, to what and from where. */
export type WantedListening = Pick<RouterListener, 'id' | 'filter' | 'from'>;

/**
 * What the query of a listener asks for. `lastEventId` is what a browser that comes back sends by itself: it counts more
 * than `from`, and is passed over where there is no place to go back to. Throws HttpProblem `bad_parameter`, FilterError.
 */
export function wantedListening(
  { policy }: RouterDocument,
  queryText: string,
  lastEventId?: string,
): WantedListening {
  const query = new Query(queryText);
  const id = query.text('listener') ?? randomUUID();
  if (!isUuid(id)) throw badParameter('listener', 'is not a UUID');
  const filter = query.text('filter');
  // Told before anything is promised.
  if (filter !== undefined) parseFilter(filter);
  const asked = query.text('from');
  if (policy.distribution === 'one') {
    if (asked === undefined) return { id: id.toLowerCase(), filter };
    throw badParameter(
      'from',
      'is for routers that give every message to all: here each goes to one of many',
    );
  }
  const place = lastEventId ?? asked;
  return { id: id.toLowerCase(), filter, from: place === undefined ? undefined : parsePosition(place) };
}

/**
 * How many messages a listener wants ahead of its acknowledgements. One that works on them for long wants few: time runs
 * for those that wait as well. Throws HttpProblem `bad_parameter`.
 */
export function wantedWindow(queryText: string, max: number): number {
  return new Query(queryText).bound('window', max) ?? max;
}
