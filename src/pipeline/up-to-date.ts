import { lstat, readdir, stat } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import type { Artifact } from "../contract/stage.ts";
import { type ByteString, toText } from "../lib/bytes.ts";
import { nowMs } from "../lib/clock.ts";
import { type Awaitable, type RunContext, throwIfAborted } from "../lib/context.ts";
import { sha256 } from "../lib/digest.ts";
import { messageOf } from "../lib/errors.ts";
import type { Requirement } from "../lib/process/requirements.ts";
import { findOnPath } from "../lib/process/tools.ts";
import { fledgeVersion } from "../lib/version.ts";
import { digestContent } from "../rootfs/content.ts";
import { listTree } from "../rootfs/listing.ts";
import type { FileInode } from "../rootfs/node.ts";
import type { SealedTree } from "../rootfs/seal.ts";
import {
  type BuildIdentity,
  type BuildOrigins,
  type BuildRecord,
  type NameOrigin,
  readBuild,
  readDigests,
  readNames,
  writeBuild,
} from "../store/builds.ts";
import { storedDigest } from "../store/cache-dir.ts";
import type { BoundImager } from "./imager.ts";
import { type BuildState, need } from "./planned-stage.ts";
import { sizeOf } from "./size.ts";

/** What is to be written, and where. */
type Target = { readonly imager: BoundImager; readonly artifact: string };

/**
 * Finds out what an artifact is made from: the tree by what is in it, a layer's files by the layer and their place in it,
 * the host's by their bytes, which are read once for as long as their stat says that they are the same.
 */
async function identify(
  tree: SealedTree,
  { imager, artifact, pin }: { imager: BoundImager; artifact: string; pin: BuildState["pin"] },
  ctx: Pick<RunContext, "signal" | "env" | "cacheDir">,
): Promise<BuildIdentity> {
  const digests = new HostDigests(await readDigests(ctx.cacheDir, artifact));
  const stored = new Map<string | Buffer, string | undefined>();
  // Of the files of a layer all are in one, so that to take its path apart once is enough.
  const storedIn = (path: string | Buffer): string | undefined => {
    if (!stored.has(path)) stored.set(path, storedDigest(ctx.cacheDir, path));
    return stored.get(path);
  };
  const idOf = (file: FileInode): Awaitable<string> => contentId(file, storedIn) ?? digests.of(file);
  const listing = await listTree(tree, idOf, ctx.signal);
  const parts = {
    imager: imager.identity ?? "",
    fledge: fledgeVersion(),
    tools: (await toolsOf(imager.requirements(), ctx)).join(", "),
  };
  return {
    key: sha256(JSON.stringify([listing.digest, parts])),
    inputs: { ...parts, ...(pin !== undefined && { [pin.reference]: pin.digest ?? "" }) },
    names: listing.names,
    digests: digests.settled(),
  };
}

/** Of what is in the store, and of what the tree holds itself; undefined for what has to be read. */
function contentId(
  { content, size }: FileInode,
  storedIn: (path: string | Buffer) => string | undefined,
): string | undefined {
  if (content.kind === "inline") return sha256(content.bytes);
  if (content.kind === "image") return undefined;
  const digest = storedIn(content.kind === "stored" ? content.file : content.path);
  if (digest === undefined) return undefined;
  if (content.kind === "file") return digest;
  const runs = content.segments?.map(({ at, length }) => `${at}+${length}`).join(",");
  return `${digest} ${content.offset} ${size}${runs === undefined ? "" : ` ${runs}`}`;
}

/** As git's index: times closer than this to the moment of reading cannot tell a file from one that is changed next. */
const RACY_MS = 2000;

/** Digests of files of the host, by their device, inode, mode, size and times. */
class HostDigests {
  readonly #known: ReadonlyMap<string, string>;
  readonly #used = new Map<string, string>();
  readonly #startedMs = nowMs();

  constructor(known: ReadonlyMap<string, string>) {
    this.#known = known;
  }

  async of(file: FileInode): Promise<string> {
    const found = file.content.kind === "file" ? file.content.found : undefined;
    const digest = (found && this.#known.get(found)) ?? (await digestContent(file));
    if (found !== undefined) this.#used.set(found, digest);
    return digest;
  }

  /** Those that may be trusted in the next build. */
  settled(): ReadonlyMap<string, string> {
    const oldest = BigInt(this.#startedMs - RACY_MS) * 1_000_000n;
    const isSettled = (found: string): boolean =>
      found
        .split(":")
        .slice(-2)
        .every((ns) => BigInt(ns) < oldest);
    return new Map([...this.#used].filter(([found]) => isSettled(found)));
  }
}

/** The programs that write it, each as its file is now: another version may write other bytes. */
async function toolsOf(requirements: readonly Requirement[], { env }: Pick<RunContext, "env">): Promise<string[]> {
  const tools = requirements.flatMap((requirement) => (requirement.kind === "tool" ? requirement.anyOf : []));
  const paths = tools.flatMap(({ name }) => findOnPath(name, env) ?? []);
  return await Promise.all(
    paths.map(async (path) => {
      const { size, mtimeMs } = await stat(path); // where a link leads: mkfs.ext4 is one
      return `${path} (${size} bytes of ${mtimeMs})`;
    }),
  );
}

/**
 * What tells an artifact from what anybody makes of it, or puts in its place: device, inode, mode, size and times, of a
 * folder those of all in it. Undefined where nothing is.
 */
export async function stampOf(path: string | Buffer): Promise<string | undefined> {
  const stat = await lstat(path, { bigint: true }).catch(() => undefined);
  if (stat === undefined) return undefined;
  const own = [stat.dev, stat.ino, stat.mode, stat.size, stat.mtimeNs, stat.ctimeNs].join(":");
  if (!stat.isDirectory()) return own;
  const names = (await readdir(path, { encoding: "buffer" })).toSorted(Buffer.compare);
  const stamps = names.map(async (name) => {
    const inside = await stampOf(Buffer.concat([Buffer.from(path), Buffer.from("/"), name]));
    return `${name.toString("hex")} ${inside}`;
  });
  return sha256([own, ...(await Promise.all(stamps))].join("\n"));
}

/** What the last build has left, when it is what this one would make; else says what is another. */
export async function findCurrent(
  state: BuildState,
  { imager, artifact }: Target,
  ctx: RunContext,
): Promise<(Artifact & { readonly stamp: string }) | undefined> {
  if (imager.identity === undefined) {
    ctx.log(`the artifact is written each time: the imager "${imager.name}" says no version of what it writes`);
    return undefined;
  }
  const last = await readBuild(ctx.cacheDir, artifact);
  if (last === undefined) return undefined;
  const { pin, mapped } = state;
  const identity = await identify(need(state, "tree"), { imager, artifact, pin }, ctx);
  state.identity = identity;
  const { sizeBytes, digest, stamp } = last;
  const isWhole = (await stampOf(artifact)) === stamp;
  if (isWhole && last.key === identity.key) return { path: artifact, sizeBytes, digest, stamp };
  if (!isWhole) ctx.log(`${artifact} is not any more what the last build has put there`);
  for (const what of await whatChanged(last, identity, { cacheDir: ctx.cacheDir, mapped })) {
    ctx.log(`since the last build: ${what}`);
  }
  return undefined;
}

/** A clock of the kernel's ticks this often at least: what is changed later has another time. */
const TICK_MS = 20;

/** Keeps what an artifact in place was made from. It does no harm when that cannot be done. */
export async function remember(state: BuildState, { imager, artifact }: Target, ctx: RunContext): Promise<void> {
  try {
    const { pin } = state;
    const { key, inputs, names, digests } =
      state.identity ?? (await identify(need(state, "tree"), { imager, artifact, pin }, ctx));
    await setTimeout(TICK_MS);
    const stamp = await stampOf(artifact);
    if (stamp === undefined) return;
    const { digest, sizeBytes } = need(state, "artifact");
    const record = { version: 1, artifact, key, digest, sizeBytes, stamp, inputs, size: sizeOf(state) } as const;
    await writeBuild(ctx.cacheDir, record, { names, digests, origins: originsIn(state) });
  } catch (error) {
    throwIfAborted(ctx.signal);
    ctx.log(`the next build will write it again: ${messageOf(error)}`);
  }
}

/** Who put each name of the sealed tree there. */
export function originsIn(state: Pick<BuildState, "tree" | "origins">): BuildOrigins {
  const { table, gone } = state.origins;
  const names = new Map<string, NameOrigin>();
  for (const { path, inode } of state.tree?.entries ?? []) {
    const { node } = inode;
    names.set(toText(path), { origin: node.origin, bytes: node.type === "file" ? node.size : 0 });
  }
  return { table, gone: gone.map((one) => ({ ...one, path: toText(one.path as ByteString) })), names };
}

/** What of a build is another than in the last one, in words, the most telling first. */
async function whatChanged(
  last: BuildRecord,
  now: BuildIdentity,
  { cacheDir, mapped }: { cacheDir: string; mapped: BuildState["mapped"] },
): Promise<string[]> {
  const keys = [...new Set([...Object.keys(last.inputs), ...Object.keys(now.inputs)])];
  const inputs = keys
    .filter((key) => last.inputs[key] !== now.inputs[key])
    .map((key) => `${key}: ${last.inputs[key] ?? "nothing"} -> ${now.inputs[key] ?? "nothing"}`);
  const before = await readNames(cacheDir, last.artifact);
  if (before.size === 0 || now.names.size === 0) return inputs;
  const names = new Set([...before.keys(), ...now.names.keys()]);
  const differing = [...names].filter((name) => before.get(name) !== now.names.get(name));
  const shown = differing.slice(0, 5).map((name) => {
    const path = `/${toText(name as ByteString)}`;
    const what = !before.has(name) ? "is new" : now.names.has(name) ? "changed" : "is gone";
    const from = mapped?.get(path);
    return `${path} ${what}${from === undefined ? "" : ` (${from})`}`;
  });
  const more = differing.length - shown.length;
  return [...inputs, ...shown, ...(more > 0 ? [`${more} more names differ`] : [])];
}
