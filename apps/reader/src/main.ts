import { runBroker } from '@message-vault/node';

await runBroker('reader', process.argv.slice(2));
