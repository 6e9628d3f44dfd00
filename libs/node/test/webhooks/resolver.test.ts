import { createWebhookSender, type Delivery } from '@message-vault/bus';
import { systemRuntime } from '@message-vault/runtime';
import { expect, it, onTestFinished } from 'vitest';
import { nameServerResolver } from '../../src/webhooks/resolver.ts';
import { undiciWebhookTransport } from '../../src/webhooks/transport.ts';
import { testCertificate } from './certificate.ts';
import { type NameAnswer, nameServer } from './name-server.ts';
import { receiver } from './receivers.ts';

const never = new AbortController().signal;

async function lookUp(answers: { 4: NameAnswer; 6: NameAnswer }, signal = never) {
  const server = await nameServer((_name, family) => answers[family]);
  return nameServerResolver({ servers: [server] })('hook.example', signal);
}

it('a name has the addresses of both families', async () => {
  expect(await lookUp({ 4: ['192.0.2.1', '192.0.2.2'], 6: ['::7'] })).toEqual([
    { address: '192.0.2.1', family: 4 },
    { address: '192.0.2.2', family: 4 },
    { address: '::7', family: 6 },
  ]);
});

it('one family is enough', async () => {
  expect(await lookUp({ 4: [], 6: ['::7'] })).toEqual([{ address: '::7', family: 6 }]);
  expect(await lookUp({ 4: ['192.0.2.1'], 6: 'none' })).toEqual([{ address: '192.0.2.1', family: 4 }]);
});

it('a name that does not exist is said not to', async () => {
  await expect(lookUp({ 4: 'none', 6: 'none' })).rejects.toThrow(
    "hook.example can't be looked up: ENOTFOUND",
  );
});

it('a look-up that nobody answers ends when it is given up', async () => {
  const giveUp = new AbortController();
  const server = await nameServer((_name, family) => {
    if (family === 6) giveUp.abort(new Error('enough'));
    return 'silence';
  });
  const looking = nameServerResolver({ servers: [server] })('hook.example', giveUp.signal);
  await expect(looking).rejects.toThrow("hook.example can't be looked up: ECANCELLED");
});

it('a name server that changes its mind to an address inside leads no push there', async () => {
  const hook = await receiver((response) => response.end(), { tls: true });
  let address = '127.0.0.1';
  const server = await nameServer((_name, family) => (family === 4 ? [address] : []));
  const sender = createWebhookSender({
    runtime: systemRuntime,
    transport: undiciWebhookTransport({ ca: testCertificate.cert }),
    resolve: nameServerResolver({ servers: [server] }),
    settings: { allowedNetworks: ['127.0.0.1/32'] },
  });
  onTestFinished(() => sender.close());
  const message: Delivery['message'] = {
    offset: 0,
    sequenceNumber: 0,
    timestamp: 0,
    id: '0193479d-1c00-7000-8000-000000000001',
    value: Buffer.from('a job'),
    kind: 'text',
    headers: [],
  };
  const push = () =>
    sender.push(
      { url: `https://hook.example:${hook.port}/`, secrets: [] },
      { router: 'myapp/work', subscriptionId: 's-1', attempt: 1, message },
      { timeoutMs: 10_000, signal: never },
    );
  expect(await push()).toEqual({ outcome: 'delivered' });
  address = '169.254.169.254';
  expect(await push()).toEqual({
    outcome: 'retry',
    reason: 'hook.example is not pushed to: 169.254.169.254 is not a public address (linkLocal)',
  });
  address = '127.0.0.2';
  expect(await push()).toMatchObject({ outcome: 'retry' });
  expect(hook.requests).toHaveLength(1);
});
