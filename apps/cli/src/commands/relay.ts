import type { RelayProblem } from '@message-vault/client';
import { messageOf } from '@message-vault/runtime';
import { InvalidArgumentError } from 'commander';
import {
  type CommandContext,
  type CommandModule,
  type CommonOptions,
  runCommand,
  withCommonOptions,
} from '../context.ts';
import { EXIT } from '../exit.ts';
import type { Forwarded } from '../relay/forward.ts';
import { printable } from '../text.ts';
import { wholeNumber } from '../units.ts';

interface RelayCommandOptions extends CommonOptions {
  readonly to: URL;
  readonly maxInFlight?: number;
  readonly quiet?: true;
}

const HELP = `
HTTP requests to the name, and to what is below it (/<name>/-/relay/…), come to the service, wherever this runs: only
outgoing connections are needed. Several may serve one name; requests are spread over them. Ends with Ctrl-C, when the
requests under way are through.

  mvault names set myapp/api --role connection-point
  mvault relay myapp/api --to http://127.0.0.1:3000
`;

export const relayCommand: CommandModule = {
  register(program) {
    withCommonOptions(program.command('relay'))
      .argument('<name>', 'a name of role connection-point')
      .description('let an HTTP service of this network serve a name')
      .requiredOption('--to <url>', 'where the service is', serviceUrl)
      .option('--max-in-flight <count>', 'requests at once (default: 64, at most 256)', wholeNumber)
      .option('-q, --quiet', 'do not list the requests')
      .addHelpText('after', HELP)
      .action((name: string, options: RelayCommandOptions) =>
        runCommand(options, (context) => relay(context, name, options)),
      );
  },
};

function serviceUrl(text: string): URL {
  const url = URL.parse(text);
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new InvalidArgumentError('expected an http or https URL');
  return url;
}

async function relay(context: CommandContext, name: string, options: RelayCommandOptions): Promise<number> {
  const { to, maxInFlight, quiet, json } = options;
  const { out, err, signal } = context;
  // What forwards is loaded by those who want it.
  const { HttpForwarder } = await import('../relay/forward.ts');
  const tell = (forwarded: Forwarded): void => {
    if (!quiet) void out.write(json ? `${JSON.stringify(forwarded)}\n` : line(forwarded));
  };
  const forwarder = new HttpForwarder(to, tell);
  const onConnected = ({ url }: { url: string }): void => {
    if (!quiet) err.write(`mvault: ${name} is served by ${to.href}, connected to ${url}\n`);
  };
  const onProblem = ({ method, path, error }: RelayProblem): void => {
    const why = messageOf(error);
    err.write(`mvault: ${method} ${printable(path)}: ${printable(why)}\n`);
  };
  try {
    const request = { maxInFlight, signal, onConnected, onProblem };
    await context.client().listen(name, forwarder.handle, request);
  } finally {
    await forwarder.close();
  }
  return EXIT.ok;
}

function line({ method, path, status, elapsedMs }: Forwarded): string {
  return `${method} ${printable(path)}  ${status ?? 'no answer'}  ${elapsedMs.toFixed(0)} ms\n`;
}
