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
  ['no address to listen on', ['--storage', 's'], '--listen takes HOST:PORT'],
  ['an address without a port', ['--listen', 'localhost', '--storage', 's'], '--listen takes HOST:PORT'],
  ['no storage', ['--listen', '127.0.0.1:1'], '--storage'],
  ['a flag nobody knows', [...enough, '--fast'], '--fast'],
  ['a word that is no flag', [...enough, 'please'], 'please'],
  ['a peer that is no URL', [...enough, '--peer', 'slave:7002'], 'peers'],
  ['a node id with a space', [...enough, '--node-id', 'my node'], 'nodeId'],
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
