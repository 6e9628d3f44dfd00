import { runBroker } from '@message-vault/node';

await runBroker('master', process.argv.slice(2));
