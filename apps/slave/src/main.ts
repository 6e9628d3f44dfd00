import { runBroker } from '@message-vault/node';

await runBroker('slave', process.argv.slice(2));
