import { join } from 'node:path';
import { invariant } from '@message-vault/runtime';
import { BusWorkload } from '../bus/bus-workload.ts';
import type { Drill, Fault, Load, OutsideStage } from '../drill.ts';
import { DrillError, isExpected } from '../errors.ts';
import type { Lab } from '../lab/lab.ts';
import { createStream } from '../lab/streams.ts';
import { Recorder } from '../record/recorder.ts';
import { now, pause, until } from '../wait.ts';
import type { Watch } from '../watch.ts';
import type { RunWorkload } from '../workload/run-workload.ts';
import { defaultLoad, Workload, type WorkloadOptions } from '../workload/workload.ts';
import { type RunResult, resultOf } from './result.ts';
import type { Seen } from './timeline.ts';

/** What a drill is done to: a lab of its own, or a cluster that is known by its URLs only. */
export interface Target {
  readonly urls: readonly string[];
  readonly watch: Watch;
  readonly lab: Lab | undefined;
}

export interface RunOptions {
  readonly drill: Drill;
  readonly run: number;
  readonly target: Target;
  /** Where the history of this run goes. */
  readonly dir: string;
  readonly stream: string;
  readonly random: () => number;
  readonly signal: AbortSignal;
}

/** Where a run's history is written. */
export const historyPath = (dir: string, run: number): string => join(dir, `run-${run}.jsonl`);

const SETTLE_WITHIN_MS = 45_000;
/** The same answers for this long: nobody is about to change anything. */
const CALM_FOR_MS = 300;
const WARM_ACKS = 40;
/** Before the fault, up to this much longer, so that it does not always strike at the same moment of a renewal. */
const SPREAD_MS = 1500;
const TAKEOVER_WITHIN_MS = 40_000;
/** After all is well again, producers go on for this long: that is where flapping would show. */
const GO_ON_MS = 1500;

/** One run of one drill, from a calm cluster to a calm cluster. Throws only when the run could not be done at all. */
export class Run {
  readonly #options: RunOptions;
  readonly #recorder: Recorder;
  readonly #workload: RunWorkload;
  /** What is done to who uses the cluster; undefined for a run of the other kind. */
  readonly #hands: { streams?: Workload; bus?: BusWorkload };
  readonly #notes: string[] = [];
  readonly #problems: string[] = [];
  /** What the watch had seen when the history ended: what is mended afterwards is no part of the run. */
  #seen: Omit<Seen, 'times' | 'deliveries'> | undefined;

  constructor(options: RunOptions) {
    const { drill, target, run, dir } = options;
    const load: Load = { ...defaultLoad, ...drill.load };
    this.#options = options;
    this.#recorder = new Recorder(historyPath(dir, run));
    const parts: WorkloadOptions = {
      ...options,
      load,
      urls: target.urls,
      recorder: this.#recorder,
      ended: (text) => void (drill.expect.consumersMayEnd ? this.#notes : this.#problems).push(text),
    };
    if (drill.of === 'bus') {
      const bus = new BusWorkload(parts);
      this.#workload = bus;
      this.#hands = { bus };
    } else {
      const streams = new Workload(parts);
      this.#workload = streams;
      this.#hands = { streams };
    }
  }

  async execute(): Promise<RunResult> {
    const { target, random, signal } = this.#options;
    const startedAt = new Date();
    try {
      await target.lab?.restore();
      await this.#settle();
      target.watch.recordTo((event) => this.#recorder.add(event));
      await this.#createStream();
      await this.#workload.start(WARM_ACKS);
      await pause(random() * SPREAD_MS, signal);
      await this.#disturb();
    } catch (error) {
      if (signal.aborted || !isExpected(error)) throw error;
      this.#problems.push(error.message);
    } finally {
      target.watch.recordTo(() => {});
      await this.#workload.close();
    }
    const checked = await this.#recorder.close();
    return resultOf({
      ...this.#options,
      ...checked,
      startedAt,
      times: this.#recorder.times,
      retries: this.#recorder.retries,
      deliveries: this.#recorder.deliveries,
      ...(this.#seen ?? this.#look()),
      notes: this.#notes,
      problems: this.#problems,
    });
  }

  async #disturb(): Promise<void> {
    const { drill, target, signal } = this.#options;
    const fault = await this.#prepare();
    const epoch = target.watch.leader?.epoch ?? 0;
    this.#mark('fault');
    await fault.begin();
    if (drill.hold.until === 'time') await pause(drill.hold.forMs, signal);
    else await this.#awaitTakeover(epoch, drill.hold.thenMs);
    if (drill.staysDown) await this.#endDown(fault);
    else await this.#endWell(fault);
  }

  async #endWell(fault: Fault): Promise<void> {
    if (fault.end) {
      this.#mark('heal');
      await fault.end();
    }
    await this.#settle();
    await fault.afterwards?.();
    await pause(GO_ON_MS, this.#options.signal);
    this.#mark('end');
    await this.#finish();
  }

  /** The history ends here; what follows is only for the next run. */
  async #endDown(fault: Fault): Promise<void> {
    this.#mark('end');
    await this.#finish();
    this.#seen = this.#look();
    this.#options.target.watch.recordTo(() => {});
    await fault.end?.();
    await this.#settle();
  }

  #prepare(): Promise<Fault> {
    const { drill, target } = this.#options;
    if (drill.notFromOutside === undefined) return drill.prepare(this.#outsideStage());
    if (target.lab === undefined)
      throw new DrillError('bad_option', `${drill.name}: ${drill.notFromOutside}`);
    const stage = { ...this.#outsideStage(), lab: target.lab };
    const { streams, bus } = this.#hands;
    if (drill.of === 'bus') {
      invariant(bus !== undefined, 'a bus drill has queues and routers');
      return drill.prepare({ ...stage, bus });
    }
    invariant(streams !== undefined, 'any other drill has streams');
    return drill.prepare({ ...stage, producerThrough: (url, side) => streams.producerThrough(url, side) });
  }

  async #createStream(): Promise<void> {
    const { drill, target, stream } = this.#options;
    const { segmentCommits } = drill.load;
    if (segmentCommits === undefined || target.lab === undefined) return;
    await createStream(target.lab.storage, stream, { segmentCommits });
  }

  #outsideStage(): OutsideStage {
    const { target, random, signal } = this.#options;
    return {
      urls: target.urls,
      watch: target.watch,
      random,
      signal,
      calm: () => this.#settle(),
      acked: () => this.#recorder.acked,
      note: (text) => void this.#notes.push(text),
      problem: (text) => void this.#problems.push(text),
    };
  }

  async #awaitTakeover(epoch: number, thenMs: number): Promise<void> {
    const { watch } = this.#options.target;
    const { signal } = this.#options;
    await until('another node leads', () => ((watch.ruling?.leader?.epoch ?? 0) > epoch ? true : undefined), {
      withinMs: TAKEOVER_WITHIN_MS,
      signal,
    });
    const { acked } = this.#recorder;
    await until('publishes are acknowledged again', () => (this.#recorder.acked > acked ? true : undefined), {
      withinMs: TAKEOVER_WITHIN_MS,
      signal,
    });
    await pause(thenMs, signal);
  }

  /** Every node is ready, one leads, and the others know it. */
  async #settle(): Promise<void> {
    const { target, signal } = this.#options;
    const { watch, urls } = target;
    let calmSince = Number.POSITIVE_INFINITY;
    await until(
      'a calm cluster',
      () => {
        const epoch = watch.leader?.epoch;
        const calm =
          watch.ruling !== undefined &&
          watch.views.length === urls.length &&
          watch.views.every((view) => view.ready && view.leader?.epoch === epoch);
        calmSince = calm ? Math.min(calmSince, now()) : Number.POSITIVE_INFINITY;
        return now() - calmSince >= CALM_FOR_MS ? true : undefined;
      },
      { withinMs: SETTLE_WITHIN_MS, signal },
    );
  }

  /** Brings all that is under way to its end, and reads everything once more. */
  async #finish(): Promise<void> {
    const { drill, target } = this.#options;
    await this.#workload.finish({
      storage: target.lab?.storage,
      nodes: drill.staysDown ? [] : target.watch.views,
    });
  }

  #look(): Omit<Seen, 'times' | 'deliveries'> {
    const { periods, decisions, views } = this.#options.target.watch;
    return { periods, decisions: [...decisions], views };
  }

  #mark(name: string): void {
    this.#recorder.add({ kind: 'mark', at: now(), name });
  }
}
