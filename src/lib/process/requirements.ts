import { closeSync, openSync, readFileSync } from "node:fs";
import type { Env } from "../context.ts";
import { FledgeError } from "../errors.ts";
import { capture } from "./exec.ts";
import { findOnPath, installCommand, type Tool, USUAL_VERSION } from "./tools.ts";

/** Something that a build needs of the machine: declared where it is used, checked before any work starts. */
export type Requirement =
  | ToolRequirement
  /** Root, with the capability to mount. */
  | { readonly kind: "root"; readonly reason: string; readonly instead?: string }
  | { readonly kind: "loop-device"; readonly reason: string; readonly instead?: string }
  | { readonly kind: "kernel-filesystem"; readonly name: string; readonly reason: string; readonly instead?: string };

/** Any one of these programs: the first that is there and can be used. */
export type ToolRequirement = {
  readonly kind: "tool";
  readonly anyOf: readonly [Tool, ...Tool[]];
  /** The one to install where there is none; default the first that has a package. */
  readonly advised?: Tool;
};

/** What a look at the machine found of one requirement. */
export type RequirementCheck = {
  readonly kind: Requirement["kind"] | "kernel" | "acceleration";
  /** "mkfs.xfs", "root", "xfs in the kernel"; of alternatives, "docker, podman or buildah". */
  readonly what: string;
  /** Completes "needed to ...". */
  readonly reason: string;
  readonly isMet: boolean;
  /** What is there: the path and version of a program, for instance. */
  readonly found?: string;
  /** Why it is not met. */
  readonly problem?: string;
  /** A command that mends it. */
  readonly fix?: string;
  readonly instead?: string;
};

export type Machine = { readonly env: Env; readonly signal: AbortSignal };

/** What a requirement is called, and why it is one. */
export function describeRequirement(
  requirement: Requirement,
): Pick<RequirementCheck, "kind" | "what" | "reason" | "instead"> {
  const { kind } = requirement;
  const { reason, instead } = kind === "tool" ? requirement.anyOf[0] : requirement;
  return { kind, what: nameOf(requirement), reason, ...(instead !== undefined && { instead }) };
}

function nameOf(requirement: Requirement): string {
  switch (requirement.kind) {
    case "tool":
      return listed(requirement.anyOf.map(({ name }) => name));
    case "root":
      return "root";
    case "loop-device":
      return "loop devices";
    case "kernel-filesystem":
      return `${requirement.name} in the kernel`;
  }
}

/** `every` asks each program for its version; otherwise only those of which some versions cannot be used. */
export async function checkRequirement(
  requirement: Requirement,
  machine: Machine,
  { every = false }: { readonly every?: boolean } = {},
): Promise<RequirementCheck> {
  const described = describeRequirement(requirement);
  switch (requirement.kind) {
    case "tool":
      return { ...described, ...(await toolsCheck(requirement, machine, every)) };
    case "root":
      return { ...described, ...rootCheck() };
    case "loop-device":
      return { ...described, ...(await loopCheck(machine)) };
    case "kernel-filesystem":
      return { ...described, ...(await filesystemCheck(requirement.name, machine)) };
  }
}

/** The first of several programs that is there and can be used. Throws a `tool` error that says why none can be. */
export async function chooseTool(requirement: ToolRequirement, machine: Machine): Promise<FoundTool> {
  const found = await findTool(requirement.anyOf, machine, false);
  if ("path" in found) return found;
  const { problem, fix } = lack(requirement, found);
  const { reason, instead } = describeRequirement(requirement);
  const hint = [fix, instead].filter((text) => text !== undefined).join(", or ");
  throw new FledgeError("tool", `${problem}; needed to ${reason}`, { hint });
}

type FoundTool = { readonly tool: Tool; readonly path: string; readonly version?: string };
type Unusable = { readonly objections: readonly string[]; readonly fix: string | undefined };

/** Of alternatives, the first program that is there and can be used; else why none can be. */
async function findTool(tools: readonly Tool[], machine: Machine, every: boolean): Promise<FoundTool | Unusable> {
  const objections: string[] = [];
  let fix: string | undefined;
  for (const tool of tools) {
    const path = findOnPath(tool.name, machine.env);
    if (path === undefined) continue;
    const asks = every || tool.version?.objection !== undefined;
    const version = asks ? await versionOf(tool, path, machine) : undefined;
    const objection = version === undefined ? undefined : tool.version?.objection?.(version);
    if (objection !== undefined) {
      objections.push(`${path} ${version} ${objection}`);
      continue;
    }
    const failing = await whyNotReady(tool, path, machine);
    if (failing === undefined) return { tool, path, ...(version !== undefined && { version }) };
    objections.push(`${path} cannot be used: ${failing}`);
    fix ??= tool.ready?.fix;
  }
  return { objections, fix };
}

async function toolsCheck(requirement: ToolRequirement, machine: Machine, every: boolean): Promise<Found> {
  const found = await findTool(requirement.anyOf, machine, every);
  if (!("path" in found)) return { isMet: false, ...lack(requirement, found) };
  return { isMet: true, found: found.version === undefined ? found.path : `${found.path} ${found.version}` };
}

function lack({ anyOf, advised }: ToolRequirement, { objections, fix }: Unusable): { problem: string; fix?: string } {
  const install = (advised === undefined ? anyOf : [advised])
    .map(installCommand)
    .find((command) => command !== undefined);
  const remedy = fix ?? install;
  return {
    problem: objections.length > 0 ? objections.join("; ") : `${listed(anyOf.map(({ name }) => name))} not found`,
    ...(remedy !== undefined && { fix: remedy }),
  };
}

/** The last thing that a program says when it cannot do its work. */
async function whyNotReady(tool: Tool, path: string, { env, signal }: Machine): Promise<string | undefined> {
  if (tool.ready === undefined) return undefined;
  const options = { env, signal, timeoutMs: PROBE_TIMEOUT_MS };
  const { failed, timedOut, stdout, stderr } = await capture(path, tool.ready.argv(env), options);
  if (!failed) return undefined;
  if (timedOut) return `it did not answer within ${PROBE_TIMEOUT_MS / 1000} s`;
  return `${stdout}\n${stderr}`.trim().split("\n").at(-1) || "it fails without a word";
}

const PROBE_TIMEOUT_MS = 10_000;

async function versionOf(tool: Tool, path: string, { env, signal }: Machine): Promise<string | undefined> {
  const { argv, parse } = tool.version ?? USUAL_VERSION;
  const { stdout, stderr } = await capture(path, argv, { env, signal, timeoutMs: PROBE_TIMEOUT_MS });
  return parse(stdout) ?? parse(stderr);
}

type Found = Pick<RequirementCheck, "isMet" | "found" | "problem" | "fix">;

/** Bit of CAP_SYS_ADMIN, which mount(2) asks for: root in a container may be without it (capabilities(7)). */
const CAP_SYS_ADMIN = 21n;

function rootCheck(): Found {
  if (process.getuid?.() !== 0) {
    return { isMet: false, problem: "this is not root", fix: "run the command with sudo" };
  }
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(textOf("/proc/self/status"))?.[1];
  if (effective !== undefined && ((BigInt(`0x${effective}`) >> CAP_SYS_ADMIN) & 1n) === 0n) {
    const fix = "run the container with --privileged, or outside of it";
    return { isMet: false, problem: "root here may not mount: the capability CAP_SYS_ADMIN is missing", fix };
  }
  return { isMet: true, found: "uid 0" };
}

async function loopCheck(machine: Machine): Promise<Found> {
  const device = "/dev/loop-control";
  try {
    closeSync(openSync(device, "r+"));
    return { isMet: true, found: device };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EACCES") return { isMet: true, found: `${device}, for root` };
  }
  if (await isLoadable("loop", machine)) return { isMet: true, found: "the module loop, not loaded yet" };
  return { isMet: false, problem: `${device} cannot be opened`, fix: "sudo modprobe loop" };
}

async function filesystemCheck(name: string, machine: Machine): Promise<Found> {
  const isBuiltIn = textOf("/proc/filesystems")
    .split("\n")
    .some((line) => line.split("\t").at(-1) === name);
  if (isBuiltIn) return { isMet: true, found: "/proc/filesystems" };
  if (await isLoadable(name, machine)) return { isMet: true, found: `the module ${name}, not loaded yet` };
  return { isMet: false, problem: `this kernel cannot mount ${name}`, fix: `sudo modprobe ${name}` };
}

/** Whether mount(2) or modprobe would find the module; nothing is loaded to find it out. */
async function isLoadable(module: string, { env, signal }: Machine): Promise<boolean> {
  const modprobe = findOnPath("modprobe", env) ?? findOnPath("modprobe", { PATH: "/usr/sbin:/sbin" });
  if (modprobe === undefined) return false;
  const { failed } = await capture(modprobe, ["-n", "-q", module], { env, signal, timeoutMs: PROBE_TIMEOUT_MS });
  return !failed;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // not Linux
  }
}

function listed(names: readonly string[]): string {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;
}

/** Requirements of the user's code, each with whose they are in its reason. */
export function attributeRequirements(requirements: readonly Requirement[], who: string): Requirement[] {
  return requirements.map((requirement) => {
    if (requirement.kind !== "tool") return { ...requirement, reason: `${requirement.reason} (${who})` };
    const [first, ...rest] = requirement.anyOf;
    return { kind: "tool", anyOf: [{ ...first, reason: `${first.reason} (${who})` }, ...rest] };
  });
}
