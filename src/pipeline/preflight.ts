import type { Env } from "../lib/context.ts";
import { FledgeError } from "../lib/errors.ts";
import { findOnPath } from "../lib/tools.ts";
import type { Plan } from "./plan.ts";

/** Throws a `tool` or `privilege` error for what the plan needs and this machine lacks; all of it at once. */
export function preflight({ plugin, tools, needsRoot }: Plan, env: Env): void {
  const missing = tools.filter(({ name }) => findOnPath(name, env) === undefined);
  if (missing.length > 0) {
    throw new FledgeError(
      "tool",
      `${plugin.name} cannot be built here: ${missing.length} needed ${missing.length === 1 ? "program is" : "programs are"} missing`,
      {
        hint: `sudo apt-get install -y ${missing.map((tool) => tool.package).join(" ")}`,
        problems: missing.map(({ name, reason, instead }) => ({
          message: `${name} not found; needed to ${reason}`,
          ...(instead !== undefined && { hint: `or ${instead}` }),
        })),
      },
    );
  }
  if (needsRoot && process.getuid?.() !== 0) {
    throw new FledgeError("privilege", `${plugin.name} needs root to be built`, { hint: "run the command with sudo" });
  }
}
