/** What becomes of what was on its way when a cut is mended: a connection may go on where it was, or not. */
export type AfterCut = 'deliver' | 'break' | 'lose';

interface Parcel {
  readonly deliver: () => void;
  readonly broken: () => void;
}

interface Cut {
  readonly after: AfterCut;
  readonly held: Parcel[];
}

/** Between hosts, by their names; the storage is a host too. A cut holds things back, one way or both. */
export class Wires {
  readonly #after: (delayMs: number, happen: () => void) => void;
  readonly #cuts = new Map<string, Cut>();

  constructor(after: (delayMs: number, happen: () => void) => void) {
    this.#after = after;
  }

  isCut(from: string, to: string): boolean {
    return this.#cuts.has(`${from}>${to}`);
  }

  /** One way. A second cut of the same changes nothing. */
  cut(from: string, to: string, after: AfterCut): void {
    const key = `${from}>${to}`;
    if (!this.#cuts.has(key)) this.#cuts.set(key, { after, held: [] });
  }

  mend(from: string, to: string): void {
    const key = `${from}>${to}`;
    const cut = this.#cuts.get(key);
    if (cut === undefined) return;
    this.#cuts.delete(key);
    for (const [index, { deliver, broken }] of cut.held.entries()) {
      if (cut.after === 'deliver') this.#after(index * 0.001, deliver);
      else if (cut.after === 'break') this.#after(index * 0.001, broken);
    }
  }

  mendAll(): void {
    for (const key of [...this.#cuts.keys()]) {
      const [from = '', to = ''] = key.split('>');
      this.mend(from, to);
    }
  }

  /** `deliver` happens at the other end after `latencyMs`, or later, or `broken` does, or nothing ever. */
  carry(from: string, to: string, latencyMs: number, parcel: Parcel): void {
    this.#after(latencyMs, () => {
      const cut = this.#cuts.get(`${from}>${to}`);
      if (cut === undefined) parcel.deliver();
      else cut.held.push(parcel);
    });
  }
}
