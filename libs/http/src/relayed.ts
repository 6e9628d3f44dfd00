/** Header of answers that are a listener's, whatever their status: all others are the vault's own. In lower case. */
export const RELAYED = 'vault-relayed';
