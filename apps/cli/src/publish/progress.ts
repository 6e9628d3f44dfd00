import { Presets, SingleBar } from 'cli-progress';
import { bytesText, countText } from '../text.ts';

/** What has been acknowledged so far. */
export interface Totals {
  messages: number;
  bytes: number;
}

/** Shows people how a publish gets on. On anything that is not a terminal it shows nothing. */
export class Progress {
  readonly #bar: SingleBar | undefined;
  readonly #startedAt = performance.now();

  constructor(err: NodeJS.WritableStream & { readonly isTTY?: boolean }, totalBytes: number | undefined) {
    if (!err.isTTY) return;
    const shape = totalBytes === undefined ? '' : '{bar} {percentage}% · ';
    this.#bar = new SingleBar(
      {
        format: `${shape}{size} · {messages} messages · {rate}`,
        stream: err,
        hideCursor: true,
        clearOnComplete: true,
        fps: 5,
      },
      Presets.shades_classic,
    );
    this.#bar.start(totalBytes ?? 0, 0, this.#texts({ messages: 0, bytes: 0 }));
  }

  show(acknowledged: Totals): void {
    this.#bar?.update(acknowledged.bytes, this.#texts(acknowledged));
  }

  stop(): void {
    this.#bar?.stop();
  }

  #texts({ messages, bytes }: Totals): Record<string, string> {
    const rate = rateText({ messages, bytes }, performance.now() - this.#startedAt);
    return { size: bytesText(bytes), messages: countText(messages), rate };
  }
}

/** `12.3 MB/s, 45,600 messages/s`. */
export function rateText({ messages, bytes }: Totals, elapsedMs: number): string {
  const seconds = Math.max(elapsedMs, 1) / 1000;
  return `${(bytes / 1e6 / seconds).toFixed(1)} MB/s, ${countText(Math.round(messages / seconds))} messages/s`;
}
