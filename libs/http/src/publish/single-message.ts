import { isUtf8 } from 'node:buffer';
import type { IncomingHttpHeaders } from 'node:http';
import type { Message, MessageHeader, ValueKind } from '@message-vault/framing';
import { parseJson } from '../json.ts';
import { binaryEventHeaders, isBinaryEvent, keyOfEvent } from './cloud-events.ts';
import { isJson, isText, type MediaType } from './media-type.ts';

/** A body that is the value of one message, as it is. Throws `bad_body` when it claims to be JSON and is not. */
export function singleMessage(
  bytes: Uint8Array,
  type: MediaType | undefined,
  headers: IncomingHttpHeaders,
): Message {
  const event = isBinaryEvent(headers) ? binaryEventHeaders(headers) : [];
  const kept: MessageHeader[] = type === undefined ? event : [...event, ['content-type', type.text]];
  return { key: keyOfEvent(event), value: bytes, kind: kindOf(bytes, type), headers: kept };
}

function kindOf(bytes: Uint8Array, type: MediaType | undefined): ValueKind {
  if (isJson(type)) {
    parseJson(bytes, 'bad_body');
    return 'json';
  }
  return isText(type) && isUtf8(bytes) ? 'text' : 'bytes';
}
