import type { Fault, StorageCall } from '@message-vault/storage';

/** What is written to the stream is there, but nobody gets to know, and nobody can look. */
export function unanswered(
  { target, operation }: StorageCall,
  stream: { readonly container: string },
): Fault | undefined {
  if (target !== stream.container) return undefined;
  return operation === 'pages.writePages' ? { kind: 'lose_answer' } : { kind: 'refuse', code: 'unavailable' };
}
