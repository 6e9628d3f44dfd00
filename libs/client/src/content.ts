import { type Message, type MessageHeader, memberSource, type ValueKind } from '@message-vault/framing';
import { isMembers, optionalString } from './answers.ts';
import { VaultClientError } from './errors.ts';

/** What a message says, wherever it came from, and how it is looked at. */
export class MessageContent implements Message {
  readonly key: string | undefined;
  /**
   * Byte for byte as published. Only of JSON values that were given in JSON, line breaks between tokens have become spaces.
   */
  readonly value: Uint8Array;
  readonly kind: ValueKind;
  readonly headers: readonly MessageHeader[];

  constructor(content: Message) {
    this.key = content.key;
    this.value = content.value;
    this.kind = content.kind;
    this.headers = content.headers;
  }

  /** The value as UTF-8 text; what is not UTF-8 becomes U+FFFD. */
  text(): string {
    return Buffer.from(this.value.buffer, this.value.byteOffset, this.value.byteLength).toString('utf8');
  }

  /** The value parsed as JSON. Throws SyntaxError when it is none. */
  json(): unknown {
    return JSON.parse(this.text());
  }

  /** The first header of that name. */
  header(name: string): string | undefined {
    return this.headers.find(([candidate]) => candidate === name)?.[1];
  }
}

/** `source`: the JSON text of the message; `members`: what JSON.parse makes of it. Error: `bad_answer`. */
export function contentOf(source: string, members: Readonly<Record<string, unknown>>): Message {
  return {
    key: optionalString(members, 'key'),
    headers: headerPairs(members.headers),
    ...payloadOf(source, members),
  };
}

function payloadOf(
  source: string,
  members: Readonly<Record<string, unknown>>,
): Pick<Message, 'value' | 'kind'> {
  const { valueText, valueBase64 } = members;
  if (typeof valueText === 'string') return { value: Buffer.from(valueText), kind: 'text' };
  if (typeof valueBase64 === 'string') return { value: Buffer.from(valueBase64, 'base64'), kind: 'bytes' };
  const json = memberSource(source, 'value');
  if (json === undefined) throw new VaultClientError('bad_answer', 'a message without a value was answered');
  return { value: Buffer.from(json), kind: 'json' };
}

/** A header that is there more than once comes as a list. */
function headerPairs(headers: unknown): readonly MessageHeader[] {
  if (!isMembers(headers)) return [];
  return Object.entries(headers).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value])
      .filter((each) => typeof each === 'string')
      .map((each): MessageHeader => [name, each]),
  );
}
