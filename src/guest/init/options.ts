import { z } from "zod";

/** How an initramfs starts; the option absent means the default mode (mounts, then the agent). */
export const initOptions = z
  .union([
    z.strictObject({
      path: z
        .string()
        .min(1)
        .meta({ hostPath: "init" })
        .describe(
          "your init, run after the mounts: a relative path is a file of the project, an absolute one is in the guest",
        ),
      exec: z.boolean().optional().describe("replace the shell that did the mounts, so that yours is PID 1"),
    }),
    z.strictObject({ none: z.literal(true).describe("no wrapper and no agent: a mapping provides /init") }),
  ])
  .meta({
    exclusive:
      '"path" and "none" exclude each other: "path" runs your own init after the mounts, "none" means that a mapping provides /init',
  });

/**
 * How /init of the guest goes on after the mounts: it runs `run`, a path in the guest. With `from`, that file of the
 * project is placed there first. `none`: a mapping provides /init.
 */
export type ResolvedInit =
  | { readonly mode: "default"; readonly run: string }
  | { readonly mode: "custom"; readonly run: string; readonly from?: string; readonly exec?: boolean }
  | { readonly mode: "none" };
