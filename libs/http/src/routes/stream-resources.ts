import type { StreamDocument } from '@message-vault/metadata';
import accepts from 'accepts';
import type { EventStreams } from '../events/event-streams.ts';
import { HttpProblem } from '../problems.ts';
import { publish } from '../publish/publish.ts';
import { EVENT_STREAM, READ_TYPES, readFormat } from '../read/formats.ts';
import { parseReadRequest, readMessages } from '../read/read.ts';
import type { RoleRequest, RoleResources } from '../roles.ts';
import { sendAccess, sendStats, sendStatsAsHeaders } from './stream-info.ts';

/** What a stream answers to. */
export function streamResources(events: EventStreams): RoleResources<StreamDocument> {
  return {
    '': {
      GET: { action: 'read', route: 'read', handle: (request) => readStream(request, events) },
      HEAD: {
        action: 'read',
        route: 'head',
        handle: ({ context, exchange, document }) => sendStatsAsHeaders(context, exchange, document),
      },
      POST: { action: 'publish', route: 'publish', handle: publish },
    },
    stats: {
      GET: {
        action: 'read',
        route: 'stats',
        handle: ({ context, exchange, document }) => sendStats(context, exchange, document),
      },
    },
    access: {
      GET: {
        action: 'read',
        route: 'access',
        handle: ({ context, exchange, document }) => sendAccess(context, exchange, document),
      },
    },
  };
}

async function readStream(request: RoleRequest<StreamDocument>, events: EventStreams): Promise<void> {
  const { context, exchange, target, document } = request;
  const accepted = accepts(exchange.req).types([...READ_TYPES]);
  if (accepted === EVENT_STREAM) {
    exchange.route = 'events';
    return await events.serve(exchange, document, target.query);
  }
  const format = typeof accepted === 'string' ? readFormat(accepted) : undefined;
  if (format === undefined) {
    throw new HttpProblem('not_acceptable', `expected one of ${READ_TYPES.join(', ')}`, {
      allowed: READ_TYPES,
    });
  }
  const wanted = parseReadRequest(context, target.query);
  exchange.longLived = wanted.waitMs > 0;
  await readMessages(context, exchange, document, { request: wanted, format });
}
