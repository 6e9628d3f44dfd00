import { describe, expect, it } from 'vitest';
import { createLogger, redactSecrets } from '../src/index.ts';

function capture() {
  const lines: string[] = [];
  const logger = createLogger({
    level: 'info',
    nodeId: 'n1',
    destination: { write: (line) => lines.push(line) },
  });
  return { logger, lines };
}

const sas = 'https://a.blob.core.windows.net/mv-1?sv=2026-01-01&sp=rl&sig=s3cr3t%2Bsig%3D&se=2026';
const connection =
  'DefaultEndpointsProtocol=http;AccountName=dev;AccountKey=c2VjcmV0LWtleQ==;BlobEndpoint=http://x/';

describe('logger', () => {
  it('writes one line of JSON per event with node, level, time and what was given', () => {
    const { logger, lines } = capture();
    logger.info({ stream: 'orders', epoch: 3 }, 'opened');
    const line: unknown = JSON.parse(lines[0] ?? '');
    expect(line).toMatchObject({ node: 'n1', level: 'info', stream: 'orders', epoch: 3, msg: 'opened' });
    expect(line).toHaveProperty('time', expect.stringMatching(/^\d{4}-\d\d-\d\dT/));
  });

  it('leaves out what is below its level', () => {
    const { logger, lines } = capture();
    logger.debug('noise');
    expect(lines).toHaveLength(0);
  });

  it('keeps secrets out of messages, fields, nested fields and errors with their causes', () => {
    const { logger, lines } = capture();
    logger.info(`reading ${sas}`);
    logger.info(
      { connectionString: connection, request: { headers: { authorization: 'Basic czNjcjN0' } } },
      'x',
    );
    logger.error({ error: new Error(`GET ${sas} failed`, { cause: new Error(connection) }) }, 'x');
    const text = lines.join('');
    expect(text).not.toMatch(/s3cr3t|c2VjcmV0|czNjcjN0/);
    expect(text.match(/\[redacted\]/g)?.length).toBeGreaterThanOrEqual(5);
    for (const line of lines) expect(() => JSON.parse(line)).not.toThrow();
  });

  it('keeps secrets out of what its children write', () => {
    const { logger, lines } = capture();
    logger.child({ stream: 'orders', url: sas }).warn('gone');
    expect(lines.join('')).not.toContain('s3cr3t');
  });
});

describe('redactSecrets', () => {
  it.each([
    [sas, 'sv=2026-01-01&sp=rl&sig=[redacted]&se=2026'],
    [connection, 'AccountKey=[redacted];BlobEndpoint=http://x/'],
    ['SharedAccessSignature=sv=1&sig=abc;X=1', 'SharedAccessSignature=[redacted];X=1'],
    ['redis://:pa55@localhost:6379', 'redis://[redacted]@localhost:6379'],
    ['Authorization: Bearer abc.def-ghi', 'Bearer [redacted]'],
    ['SharedKey account:QUJD==', 'SharedKey account:[redacted]'],
  ])('redacts %s', (text, expected) => expect(redactSecrets(text)).toContain(expected));

  it('leaves everything else as it is', () => {
    const text = 'http://127.0.0.1:7001/orders?from=latest&signal=1 user@example.com';
    expect(redactSecrets(text)).toBe(text);
  });
});
