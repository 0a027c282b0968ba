import { basename, isAbsolute } from "node:path";
import { fileURLToPath } from "node:url";
import { AGENT_PATH } from "../../contract/guest-paths.ts";
import type { AgentOptions } from "../../guest/agent/options.ts";
import { type BusyboxOptions, DEFAULT_BUSYBOX } from "../../guest/busybox/options.ts";
import type { ResolvedInit } from "../../guest/init/options.ts";
import type { ResolvedMapping } from "../../guest/mappings/options.ts";
import { compareBytes, toByteString } from "../../lib/bytes.ts";
import type { Platform } from "../../lib/platform.ts";
import { formatPath } from "../explain.ts";
import type { Strategy } from "../schema.ts";
import type { Report, ResolveInput } from "./report.ts";

/** A relative `init.path` is a file of the project and gets a place in the guest; an absolute one is there already. */
export function resolveInit({ values }: ResolveInput): ResolvedInit {
  const { init } = values;
  if (init === undefined) return { mode: "default", run: AGENT_PATH };
  if ("none" in init) return { mode: "none" };
  const exec = init.exec === undefined ? {} : { exec: init.exec };
  if (isAbsolute(init.path)) return { mode: "custom", run: init.path, ...exec };
  const from = fileURLToPath(init.path);
  return { mode: "custom", run: `/sbin/${basename(from)}`, from, ...exec };
}

/** The default init starts the agent, so it needs one; without a wrapper nothing could start it. */
export function resolveAgent(
  { values: { agent } }: ResolveInput,
  { strategy, init }: { strategy: Strategy; init: ResolvedInit },
  report: Report,
): AgentOptions | undefined {
  if (strategy === "oci_rootfs") return agent || undefined;
  switch (init.mode) {
    case "default":
      if (agent === false) {
        return report.problem("agent: is false, but the default init starts the agent", "write an init of your own");
      }
      return agent ?? report.note("agent", { release: "latest" }, "the default init starts it");
    case "custom":
      return agent || undefined;
    case "none":
      if (!agent) return undefined;
      return report.problem(
        "agent: has no place beside init.none, where nothing of fledge's starts it",
        "remove agent, or map the binary yourself",
      );
  }
}

/** On where an init script of fledge's runs, since the script needs a shell. */
export function resolveBusybox(
  { values: { busybox } }: ResolveInput,
  { init, platform }: { init: ResolvedInit; platform: Platform },
  report: Report,
): BusyboxOptions | undefined {
  if (busybox === false) {
    if (init.mode === "none") return undefined;
    return report.problem("busybox: is false, but the init needs its shell", "leave it in, or write init.none");
  }
  if (busybox !== undefined) return busybox;
  if (init.mode === "none") return undefined;
  if (platform.architecture !== "amd64") {
    return report.problem(
      `busybox: is missing; the default one is for amd64, and the plugin for ${platform.architecture}`,
      "write busybox.url or busybox.path",
    );
  }
  return report.note("busybox", { ...DEFAULT_BUSYBOX }, "the init needs a shell");
}

/** The mappings in the order in which they are applied, which does not depend on where they were written. */
export function resolveMappings({ values, layers }: ResolveInput): ResolvedMapping[] {
  const keys = new Map(layers.flatMap((layer) => [...layer.mappingKeys]));
  const mappings = Object.entries(values.mappings ?? {}).map(([from, target]): ResolvedMapping => {
    const key = formatPath(["mappings", keys.get(from) ?? from]);
    if (typeof target === "string") return { from, to: target, key };
    const { to, mode, uid, gid } = target;
    return {
      from,
      to,
      key,
      ...(mode !== undefined && { mode: typeof mode === "string" ? Number.parseInt(mode, 8) : mode }),
      ...(uid !== undefined && { uid }),
      ...(gid !== undefined && { gid }),
    };
  });
  return mappings.sort((a, b) => order(a.to, b.to) || order(a.from, b.from));
}

function order(a: string, b: string): number {
  return compareBytes(toByteString(a), toByteString(b));
}
