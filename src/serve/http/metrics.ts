import type { BuildState, BuildView, QueueStatus } from "../queue/index.ts";

const BUCKETS_SEC = [0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600];

/** What a service has counted since its start. */
export class Metrics {
  readonly #ended = new Map<BuildState, number>();
  readonly #requests = new Map<number, number>();
  readonly #buckets: number[] = BUCKETS_SEC.map(() => 0);
  #durations = 0;
  #secondsSum = 0;
  /** Readers of events at this moment. */
  readers = 0;

  countState({ state, startedMs, endedMs }: BuildView): void {
    if (state === "queued" || state === "running") return;
    this.#ended.set(state, (this.#ended.get(state) ?? 0) + 1);
    if (startedMs === undefined || endedMs === undefined) return;
    const seconds = (endedMs - startedMs) / 1000;
    this.#durations++;
    this.#secondsSum += seconds;
    for (const [index, limit] of BUCKETS_SEC.entries())
      if (seconds <= limit) this.#buckets[index] = (this.#buckets[index] ?? 0) + 1;
  }

  countRequest(status: number): void {
    this.#requests.set(status, (this.#requests.get(status) ?? 0) + 1);
  }

  /** In the text format of Prometheus, 0.0.4. */
  render({ running, queued, jobs, maxQueued }: QueueStatus, freeBytes: number): string {
    const states = (["done", "failed", "cancelled"] as const).map(
      (state) => [`{state="${state}"}`, this.#ended.get(state) ?? 0] as const,
    );
    const codes = [...this.#requests].sort().map(([code, count]) => [`{code="${code}"}`, count] as const);
    return [
      family("fledge_builds_total", "counter", "Builds that have ended", states),
      family("fledge_builds_running", "gauge", "Builds that run", [["", running]]),
      family("fledge_builds_running_max", "gauge", "Builds that may run at once", [["", jobs]]),
      family("fledge_queue_length", "gauge", "Builds that wait", [["", queued]]),
      family("fledge_queue_length_max", "gauge", "Builds that may wait", [["", maxQueued]]),
      family("fledge_build_duration_seconds", "histogram", "How long builds ran", this.#histogram()),
      family("fledge_http_requests_total", "counter", "Requests by status", codes),
      family("fledge_event_readers", "gauge", "Streams of events that are open", [["", this.readers]]),
      family("fledge_state_free_bytes", "gauge", "Room on the disk of the state", [["", freeBytes]]),
      family("process_resident_memory_bytes", "gauge", "Memory of the service", [["", process.memoryUsage.rss()]]),
    ].join("");
  }

  #histogram(): (readonly [string, number])[] {
    return [
      ...BUCKETS_SEC.map((limit, index) => [`_bucket{le="${limit}"}`, this.#buckets[index] ?? 0] as const),
      ['_bucket{le="+Inf"}', this.#durations],
      ["_sum", this.#secondsSum],
      ["_count", this.#durations],
    ];
  }
}

function family(name: string, type: string, help: string, samples: readonly (readonly [string, number])[]): string {
  const lines = samples.map(([suffix, value]) => `${name}${suffix} ${value}`);
  return `${[`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines].join("\n")}\n`;
}
