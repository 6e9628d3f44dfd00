import { Buffer } from 'node:buffer';
import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import type { LandedCommit } from '@message-vault/log';
import type { Runtime } from '@message-vault/runtime';

/** What a sealed commit belongs to: anywhere else it does not open. */
export interface SealedPlace {
  readonly streamId: string;
  readonly tailPage: number;
  /** UUID of the process that sealed it. */
  readonly sender: string;
}

/**
 * Bytes that only the processes of one cluster know: what the first of them closes, each of them opens. May reject; it is
 * asked again every some seconds, so it should remember what it answers.
 */
export type ReadSecrets = () => Promise<readonly [Uint8Array, ...Uint8Array[]]>;

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_INFO = 'message-vault commits in wake-ups';
/** Processes whose keys are kept. */
const MAX_KEYS = 64;
const ASK_AGAIN_AFTER_MS = 10_000;

/**
 * Closes commits so that nobody on the way can read one or make one up: AES-256-GCM, base64 of nonce, tag and text (the
 * two versions, a line each, and the bytes). Each process has a key of its own, made from the cluster's secret and the
 * process's id (HKDF), so its nonces are a mere count: none comes twice, and 48 bits of it never come to an end. A secret
 * that was replaced still opens what others close who don't know the new one yet.
 */
export class Seal {
  readonly #readSecrets: ReadSecrets;
  readonly #runtime: Runtime;
  readonly #keys = new Map<string, readonly Uint8Array[]>();
  #secrets: readonly Uint8Array[] = [];
  #askAgainAt = Number.NEGATIVE_INFINITY;
  #sealed = 0;

  constructor(readSecrets: ReadSecrets, runtime: Runtime) {
    this.#readSecrets = readSecrets;
    this.#runtime = runtime;
  }

  /** Undefined as long as the secret is not known. */
  close(commit: LandedCommit, place: SealedPlace): string | undefined {
    const [key] = this.#keysOf(place.sender);
    if (key === undefined) return undefined;
    const nonce = Buffer.alloc(NONCE_BYTES);
    nonce.writeUIntBE(this.#sealed, NONCE_BYTES - 6, 6);
    this.#sealed += 1;
    const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(bytesOf(place));
    const text = [cipher.update(`${commit.versionBefore}\n${commit.version}\n`), cipher.update(commit.bytes)];
    cipher.final();
    return Buffer.concat([nonce, cipher.getAuthTag(), ...text]).toString('base64');
  }

  /** Undefined for what this cluster did not seal for that place, and as long as the secret is not known. */
  open(sealed: string, place: SealedPlace): LandedCommit | undefined {
    const bytes = Buffer.from(sealed, 'base64');
    if (bytes.byteLength < NONCE_BYTES + TAG_BYTES) return undefined;
    for (const key of this.#keysOf(place.sender)) {
      const text = opened(bytes, key, place);
      if (text !== undefined) return parse(text);
    }
    return undefined;
  }

  /** None as long as no secret is known. */
  #keysOf(sender: string): readonly Uint8Array[] {
    this.#ask();
    const known = this.#keys.get(sender);
    if (known !== undefined) return known;
    const keys = this.#secrets.map(
      (secret) => new Uint8Array(hkdfSync('sha256', secret, sender, KEY_INFO, KEY_BYTES)),
    );
    const [oldest] = this.#keys.keys();
    if (this.#keys.size >= MAX_KEYS && oldest !== undefined) this.#keys.delete(oldest);
    this.#keys.set(sender, keys);
    return keys;
  }

  /** Nothing waits for it: until a secret is known, hints come without commits. */
  #ask(): void {
    const now = this.#runtime.monotonic();
    if (now < this.#askAgainAt) return;
    this.#askAgainAt = now + ASK_AGAIN_AFTER_MS;
    this.#readSecrets().then(
      (secrets) => {
        if (areSame(secrets, this.#secrets)) return;
        this.#secrets = secrets;
        this.#keys.clear();
      },
      () => undefined,
    );
  }
}

function areSame(some: readonly Uint8Array[], others: readonly Uint8Array[]): boolean {
  return (
    some.length === others.length && some.every((each, at) => Buffer.compare(each, others[at] ?? each) === 0)
  );
}

/** Undefined for what was closed with another key, or for another place. */
function opened(bytes: Buffer, key: Uint8Array, place: SealedPlace): Buffer | undefined {
  const nonce = bytes.subarray(0, NONCE_BYTES);
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(bytesOf(place));
  decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  try {
    const text = decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES));
    decipher.final();
    return text;
  } catch {
    return undefined;
  }
}

function parse(text: Buffer): LandedCommit {
  const first = text.indexOf('\n');
  const second = text.indexOf('\n', first + 1);
  return {
    versionBefore: text.toString('utf8', 0, first),
    version: text.toString('utf8', first + 1, second),
    bytes: text.subarray(second + 1),
  };
}

function bytesOf({ streamId, tailPage, sender }: SealedPlace): Buffer {
  return Buffer.from(`${streamId} ${tailPage} ${sender}`);
}
