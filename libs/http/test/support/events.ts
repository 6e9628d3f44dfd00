import { expect, onTestFinished } from 'vitest';

export interface SeenEvent {
  readonly id: string;
  readonly message: Readonly<Record<string, unknown>>;
}

/** An event stream as a client sees it. */
export interface EventsClient {
  /** The next `count` events; throws if the stream ends before. */
  take(count: number): Promise<SeenEvent[]>;
  /** Everything that came so far and is not an event: comments, fields. */
  readonly asides: readonly string[];
  /** Resolves when the server ends the stream. */
  readonly ended: Promise<void>;
  close(): void;
}

export async function openEvents(url: string, headers: Record<string, string> = {}): Promise<EventsClient> {
  const controller = new AbortController();
  onTestFinished(() => controller.abort());
  const accept = { accept: 'text/event-stream', ...headers };
  const response = await fetch(url, { headers: accept, signal: controller.signal });
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  expect(response.headers.get('cache-control')).toBe('no-store');
  return readEvents(response, controller);
}

function readEvents(response: Response, controller: AbortController): EventsClient {
  const asides: string[] = [];
  const events: SeenEvent[] = [];
  let wake = Promise.withResolvers<void>();
  let over = false;
  const pump = async (): Promise<void> => {
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk, { stream: true });
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) parseBlock(block, events, asides);
      wake.resolve();
      wake = Promise.withResolvers<void>();
    }
  };
  const ended = pump().finally(() => {
    over = true;
    wake.resolve();
  });
  ended.catch(() => undefined);
  return {
    asides,
    ended,
    close: () => controller.abort(),
    async take(count) {
      while (events.length < count) {
        if (over) throw new Error(`the stream ended after ${events.length} of ${count} events`);
        await wake.promise;
      }
      return events.splice(0, count);
    },
  };
}

function parseBlock(block: string, events: SeenEvent[], asides: string[]): void {
  const lines = block.split('\n');
  const [id = '', data = ''] = lines;
  if (!id.startsWith('id: ')) {
    asides.push(...lines);
    return;
  }
  expect(lines).toHaveLength(2);
  events.push({ id: id.slice(4), message: JSON.parse(data.replace(/^data: /, '')) as SeenEvent['message'] });
}
