import type { ReadMessage } from '@message-vault/log';
import { expect, it } from 'vitest';
import { TestListener } from './support/listener.ts';
import { numbered, World } from './support/world.ts';

const WINDOW = 4;

/** Takes a few at a time, and says that there is room when it was asked in vain before: as the end of a WebSocket does. */
class WindowedListener extends TestListener {
  override acknowledges = false;
  readonly #given = new Set<number>();
  #refused = false;

  override offer(message: ReadMessage): 'taken' | 'full' {
    this.#refused = this.#given.size >= WINDOW;
    if (this.#refused) return 'full';
    this.#given.add(message.offset);
    return super.offer(message);
  }

  /** All acknowledgements at once, as they are when they come in one piece. */
  acknowledgeAll(): void {
    for (const offset of [...this.#given]) {
      this.#given.delete(offset);
      this.attachment?.acknowledge(offset);
      if (!this.#refused) continue;
      this.#refused = false;
      this.attachment?.room();
    }
  }
}

it.each(['all', 'one'] as const)(
  'a router to %s goes on when a listener has room again before it was known to be full',
  async (distribution) => {
    const world = new World();
    const router = await world.router('app/jobs', { distribution });
    const leader = world.leader();
    const listener = new WindowedListener('6b1b36cb-1c04-4a43-8b5e-0b6c7c0d9a11');
    const work = await world.run(leader.dispatcher.work(router));
    listener.attachment = await world.run(work.attach(listener));
    await leader.publish(router, numbered(50));
    for (let round = 0; round < 50; round += 1) {
      await world.settle();
      listener.acknowledgeAll();
    }
    await world.settle();
    expect(listener.offered.map(({ value }) => Buffer.from(value).toString())).toEqual(numbered(50));
    await leader.end();
  },
);
