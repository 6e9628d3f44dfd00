import type { ReadMessage } from '@message-vault/log';
import type { Delivery } from '../../src/index.ts';

function messageOf(parts: Partial<ReadMessage> = {}): ReadMessage {
  return {
    offset: 65_536,
    sequenceNumber: 1,
    timestamp: Date.UTC(2026, 10, 20, 7, 0, 0, 5),
    id: '0193479d-1c00-7000-8000-000000000001',
    value: Buffer.from('{"job":1}'),
    kind: 'json',
    headers: [],
    ...parts,
  };
}

export function deliveryOf(message: Partial<ReadMessage> = {}, parts: Partial<Delivery> = {}): Delivery {
  return { router: 'myapp/work', subscriptionId: 's-1', attempt: 1, message: messageOf(message), ...parts };
}
