import type { BootPlanOptions, HypervisorName } from "../boot/plan.ts";
import { FledgeError } from "../lib/errors.ts";
import { type BuildArgs, countOf } from "./build-options.ts";

/** The parsed flags of a command that boots. */
export type BootArgs = BuildArgs & {
  readonly kernel?: string;
  readonly on?: string;
  readonly "skip-build"?: boolean;
  readonly forward?: readonly string[];
  readonly memory?: string;
  readonly cpus?: string;
  readonly keep?: boolean;
  readonly timeout?: string;
};

/** What the flags say of how to boot. Throws a `usage` error. */
export function bootOptionsOf(args: BootArgs): BootPlanOptions {
  const { kernel, memory, cpus, keep, frozen, offline, "cache-dir": cacheDir } = args;
  return {
    env: process.env,
    forward: forwardsOf(args.forward ?? []),
    ...(kernel !== undefined && { kernel }),
    ...(args.on !== undefined && { on: hypervisorOf(args.on) }),
    ...(memory !== undefined && { memoryMb: memoryOf(memory) }),
    ...(cpus !== undefined && { cpus: countOf(cpus, "--cpus", "a number above 0") }),
    ...(keep && { keep }),
    ...(frozen && { frozen }),
    ...(offline && { offline }),
    ...(cacheDir !== undefined && { cacheDir }),
  };
}

/** Milliseconds of `90s`, `5m` or a number of seconds. Throws a `usage` error. */
export function timeoutMsOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const [, count, unit = "s"] = /^(\d+)(ms|s|m)?$/.exec(text) ?? [];
  if (count === undefined || Number(count) === 0) {
    throw new FledgeError("usage", `--timeout "${text}" is not a time`, { hint: "write it like 30s, 5m or 1500ms" });
  }
  return Number(count) * (unit === "m" ? 60_000 : unit === "s" ? 1_000 : 1);
}

const MAX_PORT = 65_535;

function forwardsOf(rules: readonly string[]): Record<number, number> {
  const pairs = rules.flatMap((rule) => rule.split(",")).map(forwardOf);
  for (const [index, [guest, host]] of pairs.entries()) {
    const other = pairs.slice(0, index).find((pair) => pair[0] === guest || (host > 0 && pair[1] === host));
    if (other === undefined) continue;
    const twice = other[0] === guest ? `the guest's port ${guest}` : `port ${host} of this machine`;
    throw new FledgeError("usage", `--forward names ${twice} twice`, {
      hint: "each once; 0:80 takes a free port here",
    });
  }
  return Object.fromEntries(pairs);
}

/** `8080:80` as docker has it: this machine's port, then the guest's. A single one is both. */
function forwardOf(rule: string): [guestPort: number, hostPort: number] {
  const [, host = "", guest = host] = /^(\d+)(?::(\d+))?$/.exec(rule) ?? [];
  if (host === "" || Number(host) > MAX_PORT || Number(guest) > MAX_PORT || Number(guest) === 0) {
    const hint = "for instance --forward 8080:80, this machine's port first; 0:80 takes a free one";
    throw new FledgeError("usage", `--forward "${rule}" is not a pair of ports`, { hint });
  }
  return [Number(guest), Number(host)];
}

function hypervisorOf(text: string): HypervisorName {
  if (text === "auto" || text === "qemu" || text === "cloud-hypervisor") return text;
  throw new FledgeError("usage", `--on "${text}" is nothing that runs guests`, { hint: "qemu, or cloud-hypervisor" });
}

function memoryOf(text: string): number {
  const [, count, unit = "M"] = /^([1-9]\d*)([MG])?$/.exec(text) ?? [];
  if (count !== undefined) return Number(count) * (unit === "G" ? 1024 : 1);
  throw new FledgeError("usage", `--memory "${text}" is not a size`, { hint: "in MiB: --memory 512, or --memory 2G" });
}
