import { parseArgs } from 'node:util';
import { openControl } from './control.ts';
import { ChaosError } from './errors.ts';
import { type ChaosLink, openLink } from './link.ts';
import { parseLink } from './link-text.ts';

const help = `node tools/chaos/src/main.ts --link NAME=LISTEN,TARGET[,http] … [--control PORT]

A proxy whose links can be made bad while they are in use.

  --link NAME=LISTEN,TARGET[,http]   listen on LISTEN (PORT or HOST:PORT) and pass on to TARGET (HOST:PORT);
                                     http for the modes that look into requests. Any number of links.
  --control PORT                     where the modes are switched (default: a free port, which is printed)
  --help                             this text

  curl http://127.0.0.1:PORT/links
  curl -X PUT -d '{"mode":"cut"}' http://127.0.0.1:PORT/links/NAME/mode

Modes: {"mode":"pass"}  {"mode":"cut"}  {"mode":"refuse"}  {"mode":"half-open","onHeal":"deliver"|"reset"}
       {"mode":"delay","delayMs":50,"jitterMs":20}  {"mode":"throttle","bytesPerSecond":100000}
       {"mode":"errors","share":0.3,"only":"writes","status":503,"retryAfterSeconds":1}          (http)
       {"mode":"drop-answer","share":0.1,"only":"writes"}                                        (http)
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      link: { type: 'string', multiple: true },
      control: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  if (values.help || !values.link) {
    process.stdout.write(help);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  const links = new Map<string, ChaosLink>();
  for (const text of values.link) {
    const { name, ...options } = parseLink(text);
    if (links.has(name)) throw new ChaosError('bad_link', `two links are called ${name}`);
    const link = await openLink(options);
    links.set(name, link);
    process.stdout.write(
      `${name}: ${link.url} → ${link.target.host}:${link.target.port} (${link.protocol})\n`,
    );
  }
  const control = await openControl(links, Number(values.control ?? 0));
  process.stdout.write(`control: ${control.url}/links\n`);
  const stop = async (): Promise<void> => {
    await Promise.all([control.close(), ...[...links.values()].map((link) => link.close())]);
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop());
}

try {
  await main();
} catch (error) {
  const expected = error instanceof ChaosError || (error instanceof TypeError && 'code' in error);
  if (!expected) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exit(2);
}
