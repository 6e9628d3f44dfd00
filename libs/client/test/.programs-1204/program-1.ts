import { createClient } from '@message-vault/client';

const vault = createClient({ urls: ['http://127.0.0.1:38833', 'http://127.0.0.1:38833', 'http://127.0.0.1:37081'] });

const { firstOffset, firstSequenceNumber } = await vault.publish('shop/orders', { value: { sku: 1, count: 2 } });
console.log(`stored for good at offset ${firstOffset}, message number ${firstSequenceNumber}`);

for await (const message of vault.read('shop/orders')) {
  console.log(message.sequenceNumber, new Date(message.timestamp).toISOString(), message.json());
}

await vault.close();
