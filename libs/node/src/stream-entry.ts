import { HttpProblem } from '@message-vault/http';
import type { StreamRef } from '@message-vault/log';
import { intakeOf, type NameDocument, type StreamDocument } from '@message-vault/metadata';

/** A stream in the terms of the log and of the catalog. */
export interface StreamEntry {
  readonly ref: StreamRef;
  readonly document: StreamDocument;
}

/** A leader makes the first segment before it writes the document down; only what no leader made (epoch 0) has none. */
export function streamEntry(document: StreamDocument): StreamEntry {
  const { container, createdByEpoch, name, streamId } = document;
  return { document, ref: { name, streamId, container, madeWithSegment: createdByEpoch > 0 } };
}

/** The stream that takes in what is published to the name: its own, or a router's intake. Throws `wrong_role`. */
export function writableStream(document: NameDocument): StreamEntry {
  if (document.role === 'stream') return streamEntry(document);
  if (document.role === 'router') return streamEntry(intakeOf(document));
  throw new HttpProblem('wrong_role', `${document.name} is a ${document.role}, which has no stream`);
}
