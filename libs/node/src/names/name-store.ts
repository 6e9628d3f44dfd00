import {
  encodeNameDocument,
  encodeRemovedName,
  type NameDocument,
  type NameSummary,
  nameLabel,
  nameOfPath,
  namePath,
  namePathPrefix,
  parseNameLabel,
  parseNameRecord,
  type RemovedName,
  summaryOf,
} from '@message-vault/metadata';
import type { DocumentCondition, DocumentStore, ETag } from '@message-vault/storage';

/** What is stored at a name's path, of which version. */
export interface StoredName {
  readonly record: NameDocument | RemovedName;
  readonly etag: ETag;
}

export interface ListedName {
  readonly name: string;
  readonly summary: NameSummary;
}

/** Documents without a label that are read at once while a listing is made. */
const READ_AT_ONCE = 16;

/** The documents of names in storage. Errors: StorageError, DocumentError. */
export class NameStore {
  readonly #documents: DocumentStore;

  constructor(documents: DocumentStore) {
    this.#documents = documents;
  }

  async read(name: string): Promise<StoredName | undefined> {
    const stored = await this.#documents.get(namePath(name));
    return stored && { record: parseNameRecord(stored.body), etag: stored.etag };
  }

  write(record: NameDocument | RemovedName, condition: DocumentCondition): Promise<{ etag: ETag }> {
    const body = record.role === 'none' ? encodeRemovedName(record) : encodeNameDocument(record);
    return this.#documents.put(namePath(record.name), body, condition, { label: nameLabel(record) });
  }

  async erase(name: string, etag: ETag): Promise<void> {
    await this.#documents.delete(namePath(name), { ifMatch: etag });
  }

  /** Names that begin with `prefix`, in order, with those that have lost their role. One call, whatever their number. */
  async list(
    prefix: string,
    page: { limit: number; cursor: string | undefined },
  ): Promise<{ names: ListedName[]; cursor: string | undefined }> {
    const { paths, labels, cursor } = await this.#documents.list(namePathPrefix(prefix), page);
    const found: { name: string; label: string | undefined }[] = [];
    for (const [at, path] of paths.entries()) {
      const name = nameOfPath(path);
      if (name !== undefined) found.push({ name, label: labels[at] });
    }
    const names: ListedName[] = [];
    for (let at = 0; at < found.length; at += READ_AT_ONCE) {
      const some = found.slice(at, at + READ_AT_ONCE);
      const summaries = await Promise.all(some.map(({ name, label }) => this.#summary(name, label)));
      for (const [index, summary] of summaries.entries()) {
        const name = some[index]?.name;
        if (summary !== undefined && name !== undefined) names.push({ name, summary });
      }
    }
    return { names, cursor };
  }

  /** By its label; by the document itself where an older program wrote it. */
  async #summary(name: string, label: string | undefined): Promise<NameSummary | undefined> {
    const known = parseNameLabel(label);
    if (known !== undefined) return known;
    const stored = await this.read(name);
    return stored && summaryOf(stored.record);
  }
}
