/**
 * Runs a broker app whose connections to other nodes go through the drill's proxies.
 *
 * All nodes know each other by one URL each, which the leader document spreads, so a URL alone can't lead to a proxy per
 * pair. Instead this process gets a routing table, as its machine could have one: which address is reached by which way.
 * Everything above the socket, the node itself included, is as it is in production.
 *
 *     node routed-node.ts --drill-program PROGRAM --drill-routes '{"127.0.0.1:7002":"127.0.0.1:41234"}' …
 */
import { Socket } from 'node:net';
import { pathToFileURL } from 'node:url';

const program = takeFlag('--drill-program');
const routes: Readonly<Record<string, string>> = JSON.parse(takeFlag('--drill-routes'));

divertConnections();
process.argv[1] = program;
await import(pathToFileURL(program).href);

function takeFlag(name: string): string {
  const at = process.argv.indexOf(name);
  const [, value] = at === -1 ? [] : process.argv.splice(at, 2);
  if (value === undefined) throw new Error(`${name} is needed`);
  return value;
}

/** `Socket.connect` is what every connection of this process comes through, whoever makes it. */
function divertConnections(): void {
  const connect = Socket.prototype.connect;
  Object.assign(Socket.prototype, {
    connect(this: Socket, ...args: readonly unknown[]): unknown {
      return Reflect.apply(connect, this, args.map(divert));
    },
  });
}

/** The options of a connection, bare or wrapped in a list by `net.connect`, with the address of the way to take. */
function divert(argument: unknown): unknown {
  if (Array.isArray(argument)) {
    argument[0] = divert(argument[0]);
    return argument;
  }
  if (typeof argument !== 'object' || argument === null || !('port' in argument)) return argument;
  const host = 'host' in argument ? argument.host : '127.0.0.1';
  const route = routes[`${host}:${argument.port}`];
  if (route === undefined) return argument;
  const [wayHost, wayPort] = route.split(':');
  return { ...argument, host: wayHost, port: Number(wayPort) };
}
