/**
 * Stands in for a broker where only its life as a process is looked at: it takes the same flags, answers the health
 * request, logs JSON lines, and ends on SIGTERM. `--behave` makes it misbehave: `exit` (at once, with code 3), `unready`
 * (503 for ever), `deaf` (ignores SIGTERM).
 */
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  strict: false,
  options: { listen: { type: 'string' }, behave: { type: 'string' } },
});
const listen = String(values.listen);
const behaviour = values.behave;

if (behaviour === 'exit') {
  process.stdout.write(`{"level":50,"msg":"the lock on the door is broken"}\n`);
  process.exit(3);
}
const ready =
  behaviour === 'unready' ? { status: 503, body: '{"reason":"waiting"}' } : { status: 200, body: '{}' };
const server = createServer((request, response) => {
  response.writeHead(request.url === '/-/health/ready' ? ready.status : 404).end(ready.body);
});
server.listen(Number(listen.split(':')[1]), '127.0.0.1');
process.stdout.write(
  `{"level":30,"msg":"listening","storage":${JSON.stringify(process.env.MVAULT_STORAGE)}}\n`,
);
process.stdout.write(`{"level":40,"msg":"the cat is on the keyboard"}\n`);
process.on('SIGTERM', () => {
  if (behaviour !== 'deaf') process.exit(0);
});
