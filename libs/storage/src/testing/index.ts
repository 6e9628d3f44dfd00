export {
  type Azurite,
  type AzuriteOptions,
  azuriteArguments,
  azuriteEndpoints,
  startAzurite,
} from './azurite.ts';
