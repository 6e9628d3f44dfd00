import { HttpProblem } from '@message-vault/http';
import { fixedDifferences, type NameDocument, type RolePolicy } from '@message-vault/metadata';
import { asStored } from './new-documents.ts';

/** `document` with another policy. Throws `not_changeable`. */
export function changed(document: NameDocument, next: RolePolicy, epoch: number): NameDocument {
  const fixed = fixedDifferences(document, next);
  if (fixed.length > 0) {
    const what = fixed.join(', ');
    throw new HttpProblem(
      'not_changeable',
      `${what} can not change once the role is assigned: remove the role and assign it anew`,
    );
  }
  return asStored(withPolicy(document, next, epoch));
}

function withPolicy(document: NameDocument, next: RolePolicy, epoch: number): NameDocument {
  const stamped = { changedByEpoch: epoch };
  if (document.role === 'stream' && next.role === 'stream') return { ...document, ...next, ...stamped };
  if (document.role === 'queue' && next.role === 'queue') return { ...document, ...next, ...stamped };
  if (document.role === 'router' && next.role === 'router') return { ...document, ...next, ...stamped };
  if (document.role === 'metadata' && next.role === 'metadata') return { ...document, ...next, ...stamped };
  if (document.role === 'connection-point' && next.role === 'connection-point')
    return { ...document, ...next, ...stamped };
  throw new HttpProblem('not_changeable', 'the role can not change: remove it and assign another');
}
