import type { ConnectionPointDocument, MetadataDocument } from '@message-vault/metadata';
import type { RoleResources } from '../roles.ts';

/** What a connection point answers to. */
export const relayResources: RoleResources<ConnectionPointDocument> = {};

/** What a reference answers to. */
export const metadataResources: RoleResources<MetadataDocument> = {};
