import { systemRuntime } from '@message-vault/runtime';
import { describe, expect, it } from 'vitest';
import { checkWebhookSecret, newWebhookSecret } from '../../src/index.ts';
import { signaturesOf } from '../../src/webhook/signature.ts';

/** From the tests of the specification's own libraries. */
const published = {
  secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  timestamp: 1614265330,
  body: Buffer.from('{"test": 2432232314}'),
  signature: 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
};

describe('the signature of a webhook', () => {
  it('is the one that is published with Standard Webhooks', () => {
    expect(signaturesOf(published, [published.secret])).toBe(published.signature);
  });

  it('is made with each secret while one takes over from another, the newest first', () => {
    const newer = newWebhookSecret(systemRuntime);
    const both = signaturesOf(published, [newer, published.secret]).split(' ');
    expect(both).toEqual([signaturesOf(published, [newer]), published.signature]);
  });

  it('is of the bytes as they are, also when they are no text', () => {
    const one = signaturesOf({ ...published, body: Uint8Array.of(0xff) }, [published.secret]);
    const other = signaturesOf({ ...published, body: Uint8Array.of(0xfe) }, [published.secret]);
    expect(one).not.toBe(other);
  });
});

describe('a secret', () => {
  it('is made anew each time, and is a good one', () => {
    const secrets = new Set(Array.from({ length: 10 }, () => newWebhookSecret(systemRuntime)));
    expect(secrets.size).toBe(10);
    for (const secret of secrets) expect(() => checkWebhookSecret(secret)).not.toThrow();
  });

  it.each([
    ['another prefix', 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
    ['too few bytes', `whsec_${Buffer.alloc(23, 1).toString('base64')}`],
    ['too many bytes', `whsec_${Buffer.alloc(65, 1).toString('base64')}`],
    ['no base64', `whsec_${'*'.repeat(40)}`],
    ['nothing', ''],
  ])('of %s is refused, and not repeated in the message', (_what, secret) => {
    expect(() => checkWebhookSecret(secret)).toThrow(/^expected whsec_ and the base64 of 24 to 64 bytes$/);
  });
});
