import type { HttpBindings } from "@hono/node-server";
import type { Context } from "hono";
import type { Env } from "../../lib/context.ts";
import type { BundleLimits } from "../bundle/index.ts";
import type { BuildView, Queue } from "../queue/index.ts";
import { Refusal } from "../refusal.ts";
import type { Metrics } from "./metrics.ts";
import type { Tickets } from "./tickets.ts";
import type { TokenFile } from "./tokens.ts";

/** What answers are made of. */
export type Service = {
  readonly queue: Queue;
  /** Where bundles are while they come in. */
  readonly uploads: string;
  /** Folders below which a project may be that is built where it is; real paths. */
  readonly roots: readonly string[];
  readonly maxBodyBytes: number;
  readonly limits: BundleLimits;
  readonly env: Env;
  /** Undefined where who can connect may build, as by a socket of one's own. */
  readonly tokens: TokenFile | undefined;
  /** What `Host` may say; undefined for anything. */
  readonly hosts: ReadonlySet<string> | undefined;
  readonly metrics: Metrics;
  readonly tickets: Tickets;
  /** Fires when the service ends: nothing is answered for long then. */
  readonly signal: AbortSignal;
  /** Room on the disk of the state. */
  freeBytes(): Promise<number>;
};

/** A request, its own message of Node, and whose token it came with. */
export type Ctx = Context<{ Bindings: HttpBindings; Variables: { by?: string } }>;

/** The build that a path names. Throws a `not-found`. */
export async function buildOf(c: Ctx, { queue }: Pick<Service, "queue">): Promise<BuildView> {
  const id = c.req.param("id") ?? "";
  const view = await queue.get(id);
  if (view !== undefined) return view;
  throw new Refusal("not-found", `there is no build ${id.slice(0, 40)}`, {
    hint: "it may have been one of long ago: only some are kept; GET /v1/builds lists those that are",
  });
}
