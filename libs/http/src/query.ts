import { HttpProblem } from './problems.ts';

/** The query of a request. Parameters nobody asks for are passed over. */
export class Query {
  readonly #parameters: URLSearchParams;
  readonly #isReadable: boolean;

  /** `query` with its question mark, or empty. */
  constructor(query: string) {
    this.#parameters = new URLSearchParams(query);
    this.#isReadable = isDecodable(query);
  }

  /**
   * Undefined when it is not there. Throws `bad_parameter` when it is there twice, or can only be guessed at:
   * URLSearchParams puts something else in the place of escapes it can't read.
   */
  text(name: string): string | undefined {
    const values = this.#parameters.getAll(name);
    if (values.length > 1) throw badParameter(name, `is given ${values.length} times: expected once`);
    if (values[0] !== undefined && !this.#isReadable)
      throw badParameter(
        name,
        'or another one has escapes that are no UTF-8: expected %25 for a percent sign',
      );
    return values[0];
  }

  /** An integer from `min` to `max`. */
  integer(name: string, range: { min: number; max: number }): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= range.min && value <= range.max)) {
      throw badParameter(
        name,
        `is ${JSON.stringify(text)}: expected an integer from ${range.min} to ${range.max}`,
      );
    }
    return value;
  }

  /** A number from 0 to `max`, with or without a fraction. */
  decimal(name: string, max: number): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = /^\d{1,9}(?:\.\d{1,9})?$/.test(text) ? Number(text) : Number.NaN;
    if (!(value <= max)) {
      throw badParameter(name, `is ${JSON.stringify(text)}: expected a number from 0 to ${max}`);
    }
    return value;
  }

  /** A bound the client sets, from 1; what is more than `max` counts as `max`. */
  bound(name: string, max: number): number | undefined {
    const asked = this.integer(name, { min: 1, max: Number.MAX_SAFE_INTEGER });
    return asked === undefined ? undefined : Math.min(asked, max);
  }
}

function isDecodable(query: string): boolean {
  if (!query.includes('%')) return true;
  try {
    decodeURIComponent(query);
    return true;
  } catch {
    return false;
  }
}

export function badParameter(name: string, what: string): HttpProblem {
  return new HttpProblem('bad_parameter', `${name} ${what}`);
}
