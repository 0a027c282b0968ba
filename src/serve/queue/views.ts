import { formatDuration } from "../../lib/duration.ts";
import { errnoOf, FledgeError, isFledgeError } from "../../lib/errors.ts";
import { Refusal } from "../refusal.ts";
import type { BuildView, Job } from "./contract.ts";
import type { BuildRecord } from "./keeping.ts";

/** What others see of a record. */
export function viewOf(record: BuildRecord, position: number | undefined): BuildView {
  const { number: _number, key: _key, source, ...rest } = record;
  const shown =
    source.kind === "bundle" ? { kind: source.kind, digest: source.digest } : { kind: source.kind, path: source.path };
  return { ...rest, source: shown, ...(position !== undefined && { position }) };
}

/** Keys of different people are different keys; no key is one that nobody has. */
export function keyOf({ key, by }: Pick<Job, "key" | "by">): string {
  return key === undefined ? "" : `${by ?? ""}\0${key}`;
}

/** The same for what is the same to build. */
export function fingerprint({ source, request }: Pick<Job, "source" | "request">): string {
  const from = source.kind === "bundle" ? source.digest : source.path;
  return JSON.stringify([source.kind, from, Object.entries(request).sort()]);
}

export function keyTaken({ key }: Pick<Job, "key">): Refusal {
  return new Refusal("conflict", `another build has the key "${key}"`, {
    hint: "use a key once, or send the same project and options with it",
  });
}

export function queueFull(position: number, maxQueued: number): Refusal {
  return new Refusal("queue-full", `the queue is full: ${maxQueued} builds wait`, {
    hint: "try again later, or let more builds wait with --max-queue",
    retryAfterSec: 10,
    position,
  });
}

/** Of a build that the command has ended. */
export function tookTooLong(timeoutMs: number, command: "serve" | "worker"): FledgeError {
  return new FledgeError("stage", `the build was ended: it took longer than ${formatDuration(timeoutMs)}`, {
    hint: `look at its log for where it hangs; fledge ${command} --timeout sets the limit`,
  });
}

/** What could not be kept: a `disk-full` where that is why. */
export function diskError(error: unknown): unknown {
  const cause = isFledgeError(error) ? error.cause : error;
  const errno = errnoOf(cause);
  if (errno !== "ENOSPC" && errno !== "EDQUOT") return error;
  return new Refusal("disk-full", "the service's disk is full", {
    hint: "try again when builds have ended; the service keeps fewer with --keep",
    retryAfterSec: 30,
    cause: error,
  });
}
