export { Broker, type BrokerOptions } from './broker.ts';
export {
  ConfigError,
  configFromArguments,
  type NodeConfig,
  type NodeConfigInput,
  nodeConfigSchema,
  parseNodeConfig,
} from './config.ts';
export { createNode, type NodeParts, type VaultNode } from './node.ts';
export type { Peers } from './peers.ts';
export { runBroker } from './run.ts';
