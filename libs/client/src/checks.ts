import { validateHeaderName, validateHeaderValue } from 'node:http';
import { encodeBatch } from '@message-vault/framing';
import { VaultClientError } from './errors.ts';
import { nodeUrl } from './node-url.ts';

/** What callers give, checked at the edge: beyond it, nothing is in doubt. All throw `invalid_argument`. */

export function oneOf<Choice extends string>(
  name: string,
  value: Choice | undefined,
  choices: readonly [Choice, ...Choice[]],
): Choice {
  if (value === undefined) return choices[0];
  if (choices.includes(value)) return value;
  throw invalid(`${name} is ${choices.join(' or ')}, not ${shown(value)}`);
}

export function wholeNumber(name: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw invalid(`${name} is a whole number from ${min} to ${max}, not ${shown(value)}`);
}

export function checkFunction(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'function') throw invalid(`${name} is a function`);
}

export function checkedFlag(name: string, value: boolean | undefined, fallback: boolean): boolean {
  if (value === undefined) return fallback;
  if (typeof value === 'boolean') return value;
  throw invalid(`${name} is true or false, not ${shown(value)}`);
}

export function checkedUrls(urls: readonly string[]): readonly string[] {
  if (!Array.isArray(urls) || urls.length === 0) throw invalid('urls is a list of at least one node URL');
  return [...new Set(urls.map((url) => nodeUrl(url)))];
}

export function checkedHeaders(headers: Readonly<Record<string, string>> = {}): Record<string, string> {
  const checked: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    try {
      validateHeaderName(name);
      validateHeaderValue(name, value);
    } catch (cause) {
      throw invalid(`headers: ${shown(name)} or its value is not possible in HTTP`, cause);
    }
    checked[name.toLowerCase()] = value;
  }
  return checked;
}

export interface FixedProducer {
  readonly id: string;
  readonly epoch: number;
}

export function checkedProducer(producer: FixedProducer | undefined): FixedProducer | undefined {
  if (producer === undefined) return undefined;
  try {
    // The rule is the wire format's: whether a batch can carry it. Which epochs may be given is identity.ts' to say.
    const message = { value: new Uint8Array(), kind: 'bytes', headers: [] } as const;
    encodeBatch({ messages: [message], producer: { id: producer.id, epoch: 0, sequence: 0 } });
  } catch (cause) {
    throw invalid(`producer.id is a UUID, and not the nil UUID, not ${shown(producer?.id)}`, cause);
  }
  return producer;
}

function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

function invalid(message: string, cause?: unknown): VaultClientError {
  return new VaultClientError('invalid_argument', message, { cause });
}
