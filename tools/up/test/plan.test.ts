import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseStorageChoice } from '../src/options.ts';
import { commandOf, countsOf, planNodes, planPorts } from '../src/plan.ts';
import { planStorage } from '../src/storage-plan.ts';

const portsBy = (counts: { slaves: number; readers: number }, base?: number): Record<string, number> => {
  const { blob, queue, nodes } = planPorts(counts, base);
  return { blob, queue, ...Object.fromEntries(nodes.map(({ id, port }) => [id, port])) };
};

describe('ports', () => {
  it('are the documented ones when nothing is said', () => {
    expect(portsBy({ slaves: 1, readers: 1 })).toEqual({
      blob: 10_000,
      queue: 10_001,
      'master-1': 7001,
      'slave-1': 7002,
      'reader-1': 7003,
    });
  });

  it('all move with a base', () => {
    expect(portsBy({ slaves: 2, readers: 2 }, 8000)).toEqual({
      blob: 8010,
      queue: 8011,
      'master-1': 8001,
      'slave-1': 8002,
      'slave-2': 8022,
      'reader-1': 8003,
      'reader-2': 8042,
    });
  });

  it('never clash, however many nodes there are', () => {
    const ports = Object.values(portsBy({ slaves: 9, readers: 20 }, 8000));
    expect(new Set(ports).size).toBe(ports.length);
  });

  it.each([Number.NaN, 80, 65_001, 8000.5])('refuse the base %s', (base) => {
    expect(() => planPorts({ slaves: 1, readers: 1 }, base)).toThrow(/--port-base takes/);
  });

  it.each([{ slaves: -1 }, { slaves: 10 }, { readers: 1.5 }, { readers: Number.NaN }])(
    'refuse %o',
    (options) => {
      expect(() => countsOf(options)).toThrow(/takes a whole number from 0 to/);
    },
  );
});

describe('nodes', () => {
  const [master, slave, reader] = planNodes(
    planPorts({ slaves: 1, readers: 1 }).nodes,
    'AccountKey=secret',
    'redis://r',
  );

  it('know the others that can lead, and the readers to ask', () => {
    expect(master).toMatchObject({ peers: ['http://127.0.0.1:7002'], witnesses: ['http://127.0.0.1:7003'] });
    expect(reader).toMatchObject({
      peers: ['http://127.0.0.1:7001', 'http://127.0.0.1:7002'],
      witnesses: [],
    });
  });

  it('get secrets by environment, where ps does not show them', () => {
    if (!slave) throw new Error('no slave was planned');
    const { args, env } = commandOf(slave);
    expect(args.join(' ')).not.toContain('secret');
    expect(args.slice(1, 5)).toEqual(['--node-id', 'slave-1', '--listen', '127.0.0.1:7002']);
    expect(env).toEqual({ MVAULT_STORAGE: 'AccountKey=secret', MVAULT_REDIS: 'redis://r' });
  });
});

describe('--storage', () => {
  it.each(['azurite', 'memory'])('%s is taken by name', (text) => {
    expect(parseStorageChoice(text)).toBe(text);
  });

  it.each(['AccountName=a;AccountKey=b', 'UseDevelopmentStorage=true', 'https://a.blob.core.windows.net'])(
    '%s is a connection',
    (text) => {
      expect(parseStorageChoice(text)).toEqual({ connection: text });
    },
  );

  it('of a folder is a connection too, whatever folder the nodes are started in', () => {
    expect(parseStorageChoice('file:/data')).toEqual({ connection: 'file:/data' });
    expect(parseStorageChoice('file:///data/of%20mine')).toEqual({ connection: 'file:/data/of mine' });
    expect(parseStorageChoice('file:data')).toEqual({ connection: `file:${resolve('data')}` });
  });

  it.each([
    ['file:', /takes a folder/],
    ['file:~/data', /~ means nothing in file:~\/data/],
    ['file://elsewhere/data', /names no folder of this machine/],
  ])('%s names no folder, and is refused in words', (text, words) => {
    expect(() => parseStorageChoice(text)).toThrow(words);
  });

  it('of a folder is shown as its URL, and nothing is started for it', () => {
    const { url, program } = planStorage(
      { connection: 'file:/data' },
      planPorts({ slaves: 0, readers: 0 }),
      '/v',
    );
    expect([url, program]).toEqual(['file:///data', undefined]);
  });

  it('of anything else says what there is', () => {
    expect(() => parseStorageChoice('azure')).toThrow(/takes azurite, memory/);
  });
});
