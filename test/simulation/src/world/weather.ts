/** Probabilities per call, 0 to 1, and times in milliseconds. */
export interface StorageWeather {
  readonly latencyMs: readonly [least: number, most: number];
  /** Chance of a call that takes up to `spikeMs` longer, each way. */
  readonly spike: number;
  readonly spikeMs: number;
  /** Answered 500 or reset before anything was done. */
  readonly refuse: number;
  readonly throttle: number;
  /** Never arrives, and nobody says so. */
  readonly loseRequest: number;
  /** Done, and nobody hears of it. */
  readonly loseAnswer: number;
  /** The connection breaks now; it arrives all the same, much later. */
  readonly late: number;
  /** Done and answered, and much later the same arrives again. */
  readonly again: number;
  /** Done twice at once, and the second answer is the one that comes back. */
  readonly echo: number;
  /** A write of several pages: some of them land, no answer. */
  readonly tear: number;
  /** A write of several pages: some of them land first and the rest a little later. */
  readonly inParts: number;
}

export interface NetworkWeather {
  readonly latencyMs: readonly [least: number, most: number];
  readonly spike: number;
  readonly spikeMs: number;
  readonly loseRequest: number;
  readonly loseAnswer: number;
  /** The connection breaks before the request arrives. */
  readonly breakBefore: number;
  /** The connection breaks before the answer arrives. */
  readonly breakAfter: number;
  /** The connection breaks now; the request arrives all the same, much later. */
  readonly late: number;
  /** Something on the way sends the request a second time, later. */
  readonly again: number;
}

export interface HintWeather {
  readonly drop: number;
  readonly again: number;
  readonly lie: number;
  readonly delayMs: number;
}

export interface Weather {
  readonly storage: StorageWeather;
  readonly network: NetworkWeather;
  readonly hints: HintWeather;
}

export const calm: Weather = {
  storage: {
    latencyMs: [0.8, 3],
    spike: 0,
    spikeMs: 0,
    refuse: 0,
    throttle: 0,
    loseRequest: 0,
    loseAnswer: 0,
    late: 0,
    again: 0,
    echo: 0,
    tear: 0,
    inParts: 0,
  },
  network: {
    latencyMs: [0.2, 1],
    spike: 0,
    spikeMs: 0,
    loseRequest: 0,
    loseAnswer: 0,
    breakBefore: 0,
    breakAfter: 0,
    late: 0,
    again: 0,
  },
  hints: { drop: 0, again: 0, lie: 0, delayMs: 2 },
};

/** The weather everybody has, and for a while another one for some: the last of those that began counts. */
export class Skies {
  #everywhere: Weather = calm;
  readonly #local: { readonly host: string | undefined; readonly part: Partial<Weather> }[] = [];

  set(weather: Weather): void {
    this.#everywhere = weather;
  }

  /** Another weather at `host` (everywhere when undefined) until the function that is answered is called. */
  begin(host: string | undefined, part: Partial<Weather>): () => void {
    const local = { host, part };
    this.#local.push(local);
    return () => {
      const index = this.#local.indexOf(local);
      if (index >= 0) this.#local.splice(index, 1);
    };
  }

  clear(): void {
    this.#everywhere = calm;
    this.#local.length = 0;
  }

  storageAt(host: string): StorageWeather {
    return this.#find(host, 'storage');
  }

  networkAt(host: string): NetworkWeather {
    return this.#find(host, 'network');
  }

  get hints(): HintWeather {
    return this.#find('', 'hints');
  }

  #find<Part extends keyof Weather>(host: string, part: Part): Weather[Part] {
    for (let index = this.#local.length - 1; index >= 0; index -= 1) {
      const local = this.#local[index];
      const found = local?.part[part];
      if (found !== undefined && (local?.host === undefined || local.host === host)) return found;
    }
    return this.#everywhere[part];
  }
}
