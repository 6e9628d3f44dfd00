import { expect, test } from 'vitest';
import { ConfigError, configFromArguments, parseNodeConfig } from '../src/index.ts';

const enough = ['--listen', '127.0.0.1:7001', '--storage', 'UseDevelopmentStorage=true'];

test('a flag wins over the environment, and the environment over the default', () => {
  const env = { MVAULT_STORAGE: 'from the environment', MVAULT_LOG_LEVEL: 'debug' };
  expect(configFromArguments('master', enough, env)).toMatchObject({
    storage: 'UseDevelopmentStorage=true',
    logLevel: 'debug',
    nodeId: 'master-7001',
    systemContainer: 'mv-sys',
  });
});

test('every flag can be given by environment: lists with commas or spaces, what stands alone as true or false', () => {
  const env = {
    MVAULT_LISTEN: '127.0.0.1:7002',
    MVAULT_STORAGE: 's',
    MVAULT_PEER: 'http://a:7001, http://b:7002',
    MVAULT_WITNESS: 'http://c:7003',
    MVAULT_LIMIT: 'http.maxBodyBytes=4MiB',
    MVAULT_RETENTION_AGE: '7d',
    MVAULT_NO_AUTO_CREATE: 'true',
    MVAULT_TRUST_FORWARDED_PROTO: 'false',
  };
  expect(configFromArguments('slave', [], env)).toMatchObject({
    port: 7002,
    peers: ['http://a:7001', 'http://b:7002'],
    witnesses: ['http://c:7003'],
    retentionAgeMs: 7 * 24 * 3_600_000,
    autoCreate: false,
    trustForwardedProto: false,
    limits: { http: { maxBodyBytes: 4 * 1024 ** 2 } },
  });
  expect(configFromArguments('slave', ['--peer', 'http://z:1'], env)).toMatchObject({
    peers: ['http://z:1'],
  });
  expect(() => configFromArguments('slave', [], { ...env, MVAULT_NO_AUTO_CREATE: 'perhaps' })).toThrow(
    'MVAULT_NO_AUTO_CREATE',
  );
});

test('an empty variable is one that is not set', () => {
  const env = {
    MVAULT_REDIS: '',
    MVAULT_URL: '',
    MVAULT_NODE_ID: ' ',
    MVAULT_PEER: '',
    MVAULT_LOG_LEVEL: '',
  };
  const config = configFromArguments('master', enough, env);
  expect(config).toMatchObject({ nodeId: 'master-7001', peers: [], logLevel: 'info' });
  expect(config).toMatchObject({ redisUrl: undefined, url: undefined });
  expect(() => configFromArguments('master', ['--listen', '[::1]:1'], { MVAULT_STORAGE: '' })).toThrow(
    '--storage (or MVAULT_STORAGE)',
  );
});

test('an address in brackets is an IPv6 host', () => {
  expect(configFromArguments('reader', ['--listen', '[::1]:7003', '--storage', 's'], {})).toMatchObject({
    host: '::1',
    port: 7003,
  });
});

test('durations and sizes of retention are read with their units', () => {
  const flags = [...enough, '--retention-age', '7d', '--retention-bytes', '10GiB'];
  expect(configFromArguments('master', flags, {})).toMatchObject({
    retentionAgeMs: 7 * 24 * 3_600_000,
    retentionBytes: 10 * 1024 ** 3,
  });
});

test('webhooks stay away from loopback and other private networks unless a flag says so', () => {
  expect(configFromArguments('master', enough, {})).toMatchObject({
    allowLoopbackWebhooks: false,
    webhookNetworks: [],
  });
  const flags = [...enough, '--allow-loopback-webhooks', '--webhook-network', '10.1.0.0/16'];
  expect(configFromArguments('master', [...flags, '--webhook-network', 'fd00::/8'], {})).toMatchObject({
    allowLoopbackWebhooks: true,
    webhookNetworks: ['10.1.0.0/16', 'fd00::/8'],
  });
});

test.each([
  ['no address to listen on', ['--storage', 's'], '--listen (or MVAULT_LISTEN) is needed'],
  ['an address without a port', ['--listen', 'localhost', '--storage', 's'], '--listen takes HOST:PORT'],
  ['a port there is not', ['--listen', '127.0.0.1:70000', '--storage', 's'], '--listen'],
  [
    'to listen everywhere without an address others can reach',
    ['--listen', '0.0.0.0:1', '--storage', 's'],
    '--url',
  ],
  ['the same of IPv6', ['--listen', '[::]:1', '--storage', 's'], '--url'],
  ['a URL that leads nowhere in particular', [...enough, '--url', 'http://0.0.0.0:7001'], '--url'],
  ['a URL with a path, which no client takes', [...enough, '--url', 'http://vault.example.com/a'], '--url'],
  ['a Redis that is none', [...enough, '--redis', 'http://127.0.0.1:6379'], '--redis'],
  ['a log level nobody knows', [...enough, '--log-level', 'loud'], '--log-level'],
  ['a limit there is not', [...enough, '--limit', 'http.maxBodyBites=1'], '--limit http: '],
  ['no storage', ['--listen', '127.0.0.1:1'], '--storage'],
  ['a flag nobody knows', [...enough, '--fast'], '--fast'],
  ['a word that is no flag', [...enough, 'please'], 'please'],
  ['a peer that is no URL', [...enough, '--peer', 'slave:7002'], '--peer'],
  ['a node id with a space', [...enough, '--node-id', 'my node'], '--node-id'],
  ['a network that is none', [...enough, '--webhook-network', '10.1.0.0'], '10.1.0.0'],
  ['a retention without a unit that means anything', [...enough, '--retention-age', 'a while'], 'a while'],
])('%s is refused, and the message names it', (_, flags, named) => {
  expect(() => configFromArguments('master', flags, {})).toThrow(ConfigError);
  expect(() => configFromArguments('master', flags, {})).toThrow(named);
});

test('URLs lose the slash at their end, so that they can be compared and put together', () => {
  const config = parseNodeConfig({
    app: 'slave',
    nodeId: 's',
    port: 1,
    storage: 's',
    peers: ['http://127.0.0.1:7001/'],
  });
  expect(config.peers).toEqual(['http://127.0.0.1:7001']);
});

test('a setting nobody knows is refused rather than ignored', () => {
  expect(() => parseNodeConfig({ app: 'slave', nodeId: 's', port: 1, storage: 's', prot: 2 })).toThrow(
    'prot',
  );
});
