import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkWebhookUrl, networkRefusal, type TargetRules, WebhookError } from '../../src/index.ts';

const strict: TargetRules = { allowPlainLoopback: false, allowedNetworks: [] };
const local: TargetRules = { allowPlainLoopback: true, allowedNetworks: [] };

/** The code of the refusal; undefined for a URL that is taken. */
function refusal(url: string, rules: TargetRules = strict): string | undefined {
  try {
    checkWebhookUrl(url, rules);
    return undefined;
  } catch (error) {
    if (error instanceof WebhookError) return error.code;
    throw error;
  }
}

describe('the URL of a webhook', () => {
  it.each([
    'https://example.com/hook',
    'https://example.com:8443/a/b?c=d',
    'https://8.8.8.8/hook',
    'https://[2606:4700:4700::1111]/hook',
    'https://xn--bcher-kva.example/',
    'HTTPS://EXAMPLE.com',
  ])('%s is taken', (url) => {
    expect(refusal(url)).toBeUndefined();
  });

  it.each([
    ['no URL', 'example.com/hook'],
    ['another protocol', 'ftp://example.com/'],
    ['another protocol still', 'file:///etc/passwd'],
    ['javascript', 'javascript:alert(1)'],
    ['a user name', 'https://user@example.com/'],
    ['an empty user name', 'https://@example.com/'],
    ['a password', 'https://user:secret@example.com/'],
    ['a host hidden behind what looks like one', 'https://example.com@127.0.0.1/'],
    ['a fragment', 'https://example.com/#here'],
    ['an empty fragment', 'https://example.com/#'],
    ['a backslash', 'https://example.com\\@127.0.0.1/'],
    ['a line break', 'https://exam\nple.com/'],
    ['a space', 'https://example.com/a b'],
    ['letters that are not ASCII', 'https://bücher.example/'],
    ['a dot at the end of the host', 'https://example.com./'],
    ['a zone', 'https://[fe80::1%25eth0]/'],
    ['port 0', 'https://example.com:0/'],
    ['a port too large', 'https://example.com:65536/'],
    ['too many characters', `https://example.com/${'a'.repeat(2048)}`],
    ['nothing', ''],
  ])('with %s is no URL to push to', (_what, url) => {
    expect(refusal(url)).toBe('bad_url');
  });

  it.each([
    'http://example.com/',
    'http://8.8.8.8/',
    'https://localhost/',
    'https://LOCALHOST:8443/',
    'https://anything.localhost/',
  ])('%s is kept away from', (url) => {
    expect(refusal(url)).toBe('forbidden_target');
  });

  it.each([
    ['decimal', '2130706433'],
    ['hexadecimal', '0x7f000001'],
    ['octal', '017700000001'],
    ['octal parts', '0177.0.0.01'],
    ['hexadecimal parts', '0x7f.0x0.0x0.0x1'],
    ['fewer parts', '127.1'],
    ['a mixture', '0x7f.1'],
    ['percent-encoding', '%31%32%37.0.0.1'],
    ['brackets', '[::1]'],
    ['all zeros written out', '[0:0:0:0:0:0:0:1]'],
    ['IPv4 mapped into IPv6', '[::ffff:127.0.0.1]'],
    ['the same in hexadecimal', '[::ffff:7f00:1]'],
    ['IPv4-compatible IPv6', '[::127.0.0.1]'],
    ['NAT64', '[64:ff9b::127.0.0.1]'],
    ['6to4', '[2002:7f00:1::]'],
    ['zero', '0'],
  ])('sees through an address in %s', (_how, host) => {
    expect(refusal(`https://${host}/`)).toBe('forbidden_target');
  });

  it('sees through an address with a dot at its end', () => {
    expect(refusal('https://127.0.0.1./')).toBe('forbidden_target');
    expect(refusal('https://2130706433./')).toBe('forbidden_target');
  });

  it.each([
    '0.0.0.0',
    '0.1.2.3',
    '10.0.0.1',
    '10.255.255.255',
    '100.64.0.1',
    '100.127.255.255',
    '127.255.255.254',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.1',
    '192.0.2.1',
    '192.88.99.1',
    '192.168.0.1',
    '198.18.0.1',
    '198.51.100.1',
    '203.0.113.1',
    '224.0.0.1',
    '239.255.255.255',
    '240.0.0.1',
    '255.255.255.255',
    '168.63.129.16',
    '[::]',
    '[fc00::1]',
    '[fdff::1]',
    '[fe80::1]',
    '[fec0::1]',
    '[ff02::1]',
    '[100::1]',
    '[2001:db8::1]',
    '[2001::1]',
    '[2001:10::1]',
    '[3fff::1]',
    '[5f00::1]',
    '[64:ff9b:1::1]',
    '[4000::1]',
    '[::ffff:0:8.8.8.8]',
    '[::ffff:8.8.8.8]',
  ])('%s is not public', (host) => {
    expect(refusal(`https://${host}/`)).toBe('forbidden_target');
  });

  it.each([
    '11.0.0.1',
    '100.63.255.255',
    '100.128.0.1',
    '172.15.0.1',
    '172.32.0.1',
    '169.253.1.1',
    '223.255.255.255',
  ])('%s, right beside what is not public, is', (host) => {
    expect(refusal(`https://${host}/`)).toBeUndefined();
  });

  it('names a local host, by plain http too, only where that is allowed', () => {
    for (const host of ['127.0.0.1:8080', '[::1]:8080', 'localhost:8080', '127.1.2.3', 'a.localhost']) {
      expect(refusal(`http://${host}/`, local)).toBeUndefined();
      expect(refusal(`https://${host}/`, local)).toBeUndefined();
      expect(refusal(`http://${host}/`)).toBe('forbidden_target');
    }
    expect(refusal('http://10.0.0.1/', local)).toBe('forbidden_target');
    expect(refusal('http://example.com/', local)).toBe('forbidden_target');
    expect(refusal('http://localhost.example.com/', local)).toBe('forbidden_target');
    expect(refusal('http://[::ffff:127.0.0.1]/', local)).toBe('forbidden_target');
  });

  it('names a host in a private network only where that network is allowed', () => {
    const rules = { ...strict, allowedNetworks: ['10.1.0.0/16', 'fd00:1::/32'] };
    expect(refusal('https://10.1.2.3/', rules)).toBeUndefined();
    expect(refusal('https://[fd00:1::5]/', rules)).toBeUndefined();
    expect(refusal('https://10.2.0.1/', rules)).toBe('forbidden_target');
    expect(refusal('http://10.1.2.3/', rules)).toBe('forbidden_target');
    expect(refusal('https://[::ffff:10.1.2.3]/', rules)).toBe('forbidden_target');
  });

  it('is judged as the parser of the platform reads it, however an IPv4 address is written', () => {
    const part = (value: number) =>
      fc.constantFrom(`${value}`, `0${value.toString(8)}`, `0x${value.toString(16)}`);
    const spelled = fc
      .tuple(fc.constantFrom(10, 127), fc.nat(255), fc.nat(255), fc.nat(255))
      .chain(([a, b, c, d]) =>
        fc.oneof(
          fc.tuple(part(a), part(b), part(c), part(d)).map((parts) => parts.join('.')),
          fc.tuple(part(a), part(b), part(c * 256 + d)).map((parts) => parts.join('.')),
          fc.tuple(part(a), part((b * 256 + c) * 256 + d)).map((parts) => parts.join('.')),
          part(((a * 256 + b) * 256 + c) * 256 + d),
        ),
      );
    fc.assert(
      fc.property(spelled, (host) => {
        expect(refusal(`https://${host}/`)).toBe('forbidden_target');
      }),
    );
  });
});

describe('an allowed network', () => {
  it.each(['10.0.0.0/8', 'fd00::/8', '192.168.1.7/32'])('%s is one', (text) => {
    expect(networkRefusal(text)).toBeUndefined();
  });

  it.each(['10.0.0.0', '10.0.0.0/33', 'fd00::/129', 'example.com/8', '', '/8'])('%j is none', (text) => {
    expect(networkRefusal(text)).toContain('is no network');
  });
});
