/** What the program asks its worker to do. */
export interface Job {
  readonly seed: number;
  readonly from: number;
  readonly iterations: number;
  /** One Int32: the iteration the worker is at, for the watchdog. */
  readonly progress: SharedArrayBuffer;
}

export function isJob(data: unknown): data is Job {
  return (
    typeof data === 'object' &&
    data !== null &&
    'seed' in data &&
    'from' in data &&
    'iterations' in data &&
    'progress' in data &&
    data.progress instanceof SharedArrayBuffer
  );
}
