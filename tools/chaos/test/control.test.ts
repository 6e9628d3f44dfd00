import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openControl } from '../src/index.ts';
import { parseLink } from '../src/link-text.ts';
import { echoServer, httpServer, link } from './servers.ts';

describe('the control port', () => {
  async function controlled() {
    const server = await echoServer();
    const way = await link({ target: server.address });
    const control = await openControl(new Map([['storage', way]]));
    onTestFinished(() => control.close());
    const put = (path: string, body: string): Promise<Response> =>
      fetch(`${control.url}${path}`, { method: 'PUT', body });
    return { way, control, put };
  }

  it('lists links and switches their modes', async () => {
    const { way, control, put } = await controlled();
    const pass = { name: 'storage', mode: { mode: 'pass' }, address: way.address, protocol: 'tcp' };
    expect(await (await fetch(`${control.url}/links`)).json()).toMatchObject({ links: [pass] });
    const switched = await put('/links/storage/mode', '{"mode":"delay","delayMs":5}');
    expect(switched.status).toBe(200);
    expect(way.mode).toEqual({ mode: 'delay', delayMs: 5, jitterMs: 0 });
    expect(await (await fetch(`${control.url}/links/storage`)).json()).toMatchObject({ mode: way.mode });
  });

  it.each([
    ['/links/storage/mode', '{"mode":"explode"}', 400, 'bad_mode'],
    ['/links/storage/mode', 'cut', 400, 'bad_mode'],
    ['/links/storage/mode', '"cut"', 400, 'bad_mode'],
    ['/links/storage/mode', `"${'x'.repeat(20_000)}"`, 400, 'bad_mode'],
    ['/links/storage/mode', '{"mode":"drop-answer"}', 400, 'not_http'],
    ['/links/other/mode', '{"mode":"cut"}', 404, 'no_such_link'],
    ['/nowhere', '{}', 404, 'not_found'],
    ['/links/storage', '{"mode":"cut"}', 405, 'bad_method'],
  ])('answers PUT %s %s with %i %s and changes nothing', async (path, body, status, code) => {
    const { way, put } = await controlled();
    const answer = await put(path, body);
    expect(answer.status).toBe(status);
    expect(await answer.json()).toMatchObject({ code, detail: expect.any(String) });
    expect(way.mode).toEqual({ mode: 'pass' });
  });
});

describe('the program', () => {
  const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

  it('opens the links it was given, is switched from outside, and ends on SIGTERM', async () => {
    const target = await httpServer((_request, response) => void response.end('ok'));
    const args = ['--link', `storage=0,127.0.0.1:${target.port},http`];
    const program = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void program.kill('SIGKILL'));
    let said = '';
    for await (const text of program.stdout.setEncoding('utf8')) {
      said += text;
      if (said.includes('control: ')) break;
    }
    const [, url, control] = /storage: (\S+)[\s\S]*control: (\S+)/.exec(said) ?? [];
    expect(await (await fetch(`${url}/`)).text()).toBe('ok');
    await fetch(`${control}/storage/mode`, { method: 'PUT', body: '{"mode":"errors","share":1}' });
    expect((await fetch(`${url}/`)).status).toBe(503);
    program.kill('SIGTERM');
    expect(await once(program, 'exit')).toEqual([0, null]);
  });

  it.each(['storage', 'storage=1', 'a=1,b', 'a=1,127.0.0.1:99999', '=1,127.0.0.1:2'])(
    'refuses the link %s',
    (text) => {
      expect(() => parseLink(text)).toThrow(expect.objectContaining({ code: 'bad_link' }));
    },
  );

  it('reads a link as it is typed', () => {
    expect(parseLink('master-storage=10100,127.0.0.1:10000,http')).toEqual({
      name: 'master-storage',
      listen: { host: '127.0.0.1', port: 10_100 },
      target: { host: '127.0.0.1', port: 10_000 },
      protocol: 'http',
    });
    expect(parseLink('a=0.0.0.0:1,b.example:2')).toMatchObject({
      listen: { host: '0.0.0.0' },
      protocol: 'tcp',
    });
  });
});
