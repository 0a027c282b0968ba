import type { ImagerContext } from "../../contract/imager.ts";
import { NOTHING, pipeThrough } from "../../lib/process/exec.ts";
import { findOnPath, requireTool } from "../../lib/process/tools.ts";
import type { Command, LoopFilesystem } from "./filesystem.ts";

/**
 * Where an image is mounted. It is a folder of root's on every system (POSIX has it), so nobody can put a symlink in its
 * place, and none of ours that a killed build would leave behind; what lies below the mount is hidden from the child alone.
 */
export const MOUNT_POINT = "/tmp";

/**
 * Everything happens in one child that has a mount namespace of its own. mount(8) marks the loop device to be released
 * with its last user, so when the child and its children are gone, however they went, so are mount and device: after
 * SIGKILL of this process the programs below find the end of their input, and the kernel does the rest.
 */
const SCRIPT = `mount -t "$1" -o "$2" "$3" ${MOUNT_POINT}; shift 3; line=$1; shift; eval "$line"; sync -f ${MOUNT_POINT}; umount ${MOUNT_POINT}`;

export type Mounting = {
  readonly image: string;
  readonly type: string;
  readonly options: string;
  /** A line of shell that is run while the image is mounted; it sees `argv` as `$1`, `$2`, .... */
  readonly line: string;
  readonly argv?: readonly string[];
};

/** The argv of unshare(1) for something done with a mounted image. */
export function mountArgv({ image, type, options, line, argv = [] }: Mounting): string[] {
  return [
    ...["--mount", "--propagation", "private", "--"],
    ...["sh", "-euc", SCRIPT, "sh"],
    ...[type, `loop,nosuid,nodev,noatime,${options}`, image, line, ...argv],
  ];
}

/** Yields what the line prints; `input` is its stdin. */
export function runMounted(
  mounting: Mounting,
  ctx: ImagerContext,
  input: AsyncIterable<Uint8Array> = NOTHING,
): AsyncGenerator<Uint8Array, void, undefined> {
  const unshare = requireTool({ name: "unshare", reason: "mount the image", package: "util-linux" }, ctx.env);
  return pipeThrough(unshare, mountArgv(mounting), input, { signal: ctx.signal, env: plain(ctx.env) });
}

/** Runs a command to its end; what it prints comes back. */
export async function runCommand(
  { tools, env }: Pick<LoopFilesystem, "tools" | "env">,
  { tool, argv }: Command,
  ctx: ImagerContext,
): Promise<string> {
  const declared = tools.find(({ name }) => name === tool);
  const path = declared === undefined ? findOnPath(tool, ctx.env) : requireTool(declared, ctx.env);
  return await textOf(pipeThrough(path ?? tool, argv, NOTHING, { ...ctx, env: { ...plain(ctx.env), ...env } }));
}

export async function textOf(output: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of output) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** Messages in the language that is looked for in them, and no options that somebody set for other uses of tar. */
function plain(env: ImagerContext["env"]): ImagerContext["env"] {
  const { TAR_OPTIONS: _tar, POSIXLY_CORRECT: _posix, ...rest } = env;
  return { ...rest, LC_ALL: "C" };
}
