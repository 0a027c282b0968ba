import { FledgeError, type FledgeErrorOptions } from "../lib/errors.ts";

/** Why a request is not done, as one word for programs. */
export type RefusalReason =
  | "bad-request"
  | "unauthorized"
  | "forbidden"
  | "not-found"
  | "not-ready"
  | "conflict"
  | "too-large"
  | "bad-bundle"
  | "bad-range"
  | "queue-full"
  | "disk-full"
  | "unavailable";

const STATUS: Readonly<Record<RefusalReason, number>> = {
  "bad-request": 400,
  unauthorized: 401,
  forbidden: 403,
  "not-found": 404,
  "not-ready": 409,
  conflict: 409,
  "too-large": 413,
  "bad-range": 416,
  "bad-bundle": 422,
  "queue-full": 429,
  unavailable: 503,
  "disk-full": 507,
};

export type RefusalOptions = FledgeErrorOptions & {
  /** When it may be tried again. */
  readonly retryAfterSec?: number;
  /** Where in the queue it would have been. */
  readonly position?: number;
};

/** A request that is not done: an error of fledge's with a status of HTTP. */
export class Refusal extends FledgeError {
  readonly reason: RefusalReason;
  readonly status: number;
  readonly retryAfterSec: number | undefined;
  readonly position: number | undefined;

  constructor(reason: RefusalReason, message: string, options: RefusalOptions = {}) {
    super("usage", message, options);
    this.reason = reason;
    this.status = STATUS[reason];
    this.retryAfterSec = options.retryAfterSec;
    this.position = options.position;
  }
}
