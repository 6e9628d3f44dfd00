import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createWebhookSender, type Delivery, newWebhookSecret } from '@message-vault/bus';
import { systemRuntime } from '@message-vault/runtime';
import { expect, it, onTestFinished } from 'vitest';
import { undiciWebhookTransport } from '../../src/webhooks/transport.ts';

/** The program of docs/webhooks.md, running: the lines it prints. */
async function start(secret: string): Promise<AsyncIterator<string>> {
  const page = await readFile(new URL('../../../../docs/webhooks.md', import.meta.url), 'utf8');
  const program = /^```js\n(?<program>.*?)^```$/ms.exec(page)?.groups?.program;
  if (program === undefined) throw new Error('docs/webhooks.md has no program');
  const folder = await mkdtemp(join(tmpdir(), 'mv-webhook-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'receiver.mjs'), program);
  const child = spawn(process.execPath, [join(folder, 'receiver.mjs')], {
    env: { ...process.env, WEBHOOK_SECRET: secret, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => ended(child));
  return createInterface({ input: child.stdout })[Symbol.asyncIterator]();
}

async function ended(child: ChildProcess): Promise<void> {
  const exit = new Promise((resolve) => child.once('exit', resolve));
  child.kill();
  await exit;
}

it('the receiver that is documented agrees to be pushed to, believes its own secrets and no other', async () => {
  const [secret, other] = [newWebhookSecret(systemRuntime), newWebhookSecret(systemRuntime)];
  const lines = await start(secret);
  const port = /^listening on (\d+)$/.exec((await lines.next()).value)?.[1];
  const sender = createWebhookSender({
    runtime: systemRuntime,
    transport: undiciWebhookTransport(),
    resolve: async () => [],
    settings: { allowPlainLoopback: true },
  });
  onTestFinished(() => sender.close());
  const { signal } = new AbortController();
  const url = `http://127.0.0.1:${port}/`;
  await sender.handshake({ url, secrets: [secret] }, 'vault.example.com', signal);
  const push = (secrets: string[], text: string) => {
    const message: Delivery['message'] = {
      offset: 0,
      sequenceNumber: 0,
      timestamp: systemRuntime.now(),
      id: '0193479d-1c00-7000-8000-000000000001',
      value: Buffer.from(text),
      kind: 'text',
      headers: [],
    };
    const delivery = { router: 'myapp/work', subscriptionId: 's-1', attempt: 1, message };
    return sender.push({ url, secrets }, delivery, { timeoutMs: 10_000, signal });
  };
  expect(await push([secret], 'größer')).toEqual({ outcome: 'delivered' });
  expect(await push([other], 'forged')).toMatchObject({ outcome: 'retry' });
  expect(await push([other, secret], 'rotated')).toEqual({ outcome: 'delivered' });
  expect((await lines.next()).value).toBe(
    '0193479d-1c00-7000-8000-000000000001 message-vault.message größer',
  );
  expect((await lines.next()).value).toContain('rotated');
});
