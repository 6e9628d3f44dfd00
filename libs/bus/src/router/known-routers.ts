import type { RouterDocument } from '@message-vault/metadata';
import { messageOf, sleep } from '@message-vault/runtime';
import { type DocumentStore, isStorageError } from '@message-vault/storage';
import { backOffMs } from './back-off.ts';
import { cursorsPath } from './cursors-document.ts';
import type { DispatcherPorts } from './ports.ts';
import { type RouterState, STATE_PREFIX, stateCodec } from './state-document.ts';

const PAGE_PATHS = 500;

interface Search {
  readonly parallel: number;
  readonly signal: AbortSignal;
  /** Called for every router that has, or had, subscribers. Rejects only when the search is to end. */
  open(document: RouterDocument): Promise<void>;
}

/** Finds all routers something is kept of, and removes what is kept of those that are none any more. */
export async function knownRouters(ports: DispatcherPorts, search: Search): Promise<void> {
  let cursor: string | undefined;
  do {
    const page = await patiently(ports, search, () =>
      ports.documents.list(STATE_PREFIX, { limit: PAGE_PATHS, cursor }, { signal: search.signal }),
    );
    await inParallel(page.paths, search.parallel, (path) =>
      patiently(ports, search, () => openOne(ports, search, path)),
    );
    cursor = page.cursor;
  } while (cursor !== undefined);
}

async function openOne(ports: DispatcherPorts, search: Search, path: string): Promise<void> {
  const { documents } = ports;
  const found = await documents.get(path, { signal: search.signal });
  if (found === undefined) return;
  const state = readable(ports, path, found.body);
  if (state === undefined) return;
  const { routerId, name } = state;
  const document = await ports.lookup(name);
  if (document?.role === 'router' && document.routerId === routerId) return await search.open(document);
  await removeDocument(documents, cursorsPath(routerId));
  await removeDocument(documents, path);
}

/** A document nobody can read must not keep the other routers from their work. */
function readable({ logger }: DispatcherPorts, path: string, body: Uint8Array): RouterState | undefined {
  try {
    return stateCodec.parse(body);
  } catch (error) {
    logger.error({ path, reason: messageOf(error) }, 'the subscriptions of a router can not be read');
    return undefined;
  }
}

async function removeDocument(documents: DocumentStore, path: string): Promise<void> {
  const found = await documents.get(path);
  if (found !== undefined) await documents.delete(path, { ifMatch: found.etag });
}

/** Storage that does not answer is asked again, as long as the term lasts. */
async function patiently<Value>(
  { runtime }: DispatcherPorts,
  { signal }: Search,
  ask: () => Promise<Value>,
): Promise<Value> {
  for (let failures = 1; ; failures += 1) {
    try {
      return await ask();
    } catch (error) {
      signal.throwIfAborted();
      if (!isStorageError(error)) throw error;
      await sleep(runtime, backOffMs(failures, runtime.random()), signal);
    }
  }
}

async function inParallel<Item>(
  items: readonly Item[],
  parallel: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const left = [...items];
  const worker = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: parallel }, worker));
}
