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

/** Bytes that only the processes of one cluster know. May reject: it is asked for again some time later. */
export type ReadSecret = () => Promise<Uint8Array>;

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
 * process's id (HKDF), so its nonces are a mere count: none comes twice, and 48 bits of it never come to an end.
 */
export class Seal {
  readonly #readSecret: ReadSecret;
  readonly #runtime: Runtime;
  readonly #keys = new Map<string, Uint8Array>();
  #secret: Uint8Array | undefined;
  #askAgainAt = Number.NEGATIVE_INFINITY;
  #sealed = 0;

  constructor(readSecret: ReadSecret, runtime: Runtime) {
    this.#readSecret = readSecret;
    this.#runtime = runtime;
  }

  /** Undefined as long as the secret is not known. */
  close(commit: LandedCommit, place: SealedPlace): string | undefined {
    const key = this.#keyOf(place.sender);
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
    const key = this.#keyOf(place.sender);
    const bytes = Buffer.from(sealed, 'base64');
    if (key === undefined || bytes.byteLength < NONCE_BYTES + TAG_BYTES) return undefined;
    const nonce = bytes.subarray(0, NONCE_BYTES);
    const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(bytesOf(place));
    decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
    try {
      const text = decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES));
      decipher.final();
      return parse(text);
    } catch {
      return undefined;
    }
  }

  #keyOf(sender: string): Uint8Array | undefined {
    const known = this.#keys.get(sender);
    if (known !== undefined) return known;
    if (this.#secret === undefined) {
      this.#ask();
      return undefined;
    }
    const key = new Uint8Array(hkdfSync('sha256', this.#secret, sender, KEY_INFO, KEY_BYTES));
    const [oldest] = this.#keys.keys();
    if (this.#keys.size >= MAX_KEYS && oldest !== undefined) this.#keys.delete(oldest);
    this.#keys.set(sender, key);
    return key;
  }

  /** Nothing waits for it: until it is known, hints come without commits. */
  #ask(): void {
    const now = this.#runtime.monotonic();
    if (now < this.#askAgainAt) return;
    this.#askAgainAt = now + ASK_AGAIN_AFTER_MS;
    this.#readSecret().then(
      (secret) => {
        this.#secret = secret;
      },
      () => undefined,
    );
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
