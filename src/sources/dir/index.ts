import { type BigIntStats, lstatSync, readdirSync, readlinkSync } from "node:fs";
import type { Source } from "../../contract/source.ts";
import { type ByteString, compareBytes } from "../../lib/bytes.ts";
import { type RunContext, throwIfAborted } from "../../lib/context.ts";
import { deviceNumbersOf, hostContent, leftOut } from "../../rootfs/host-file.ts";
import type { LayerEntry } from "../../rootfs/layer.ts";
import { type Metadata, NO_XATTRS } from "../../rootfs/node.ts";
import { type LocalPath, requireFolder, unreadable } from "../local.ts";

/**
 * A folder of the host as a root filesystem. What depends on who made the folder, and when, stays behind: everything
 * belongs to root, times are the build's stamp, extended attributes are left out. Modes (setuid too), symlinks, hard links
 * and device nodes are kept; sockets are left out with a warning. A tar keeps the rest.
 */
export function dirSource({ reference, path }: LocalPath, omits: (path: string) => boolean = () => false): Source {
  return {
    async pin() {
      await requireFolder(path);
      return { reference };
    },
    async *layers(_pin, ctx) {
      await requireFolder(path);
      yield { label: path, entries: () => walk(path, ctx, omits) };
    },
  };
}

type Visit = { readonly host: Buffer; readonly guest: ByteString };

function* walk(
  root: string,
  ctx: RunContext,
  omits: (path: string) => boolean,
): Generator<LayerEntry, void, undefined> {
  const linked = new Map<string, ByteString>();
  const stack: Visit[] = [{ host: Buffer.from(root), guest: "" as ByteString }];
  for (let visit = stack.pop(); visit !== undefined; visit = stack.pop()) {
    throwIfAborted(ctx.signal);
    const stat = visit.guest === "" ? statOf(Buffer.concat([visit.host, Buffer.from("/.")])) : statOf(visit.host);
    const entry = entryOf(visit, stat, linked, ctx);
    if (entry !== undefined) yield entry;
    // Reversed, so that the names come off the stack in their order.
    if (stat.isDirectory())
      for (const child of childrenOf(visit).reverse()) if (!omits(child.host.toString())) stack.push(child);
  }
}

function entryOf(
  { host, guest }: Visit,
  stat: BigIntStats,
  linked: Map<string, ByteString>,
  ctx: RunContext,
): LayerEntry | undefined {
  const metadata: Metadata = {
    mode: Number(stat.mode & 0o7777n),
    uid: 0,
    gid: 0,
    mtime: { sec: ctx.epoch.stampSec, nsec: 0 },
    xattrs: NO_XATTRS,
  };
  const entry = { path: guest === "" ? ("." as ByteString) : guest, metadata };
  if (stat.isDirectory()) return { ...entry, type: "dir" };
  if (stat.nlink > 1n) {
    const inode = `${stat.dev}:${stat.ino}`;
    const target = linked.get(inode);
    if (target !== undefined) return { ...entry, type: "hardlink", target };
    linked.set(inode, guest);
  }
  if (stat.isFile()) return { ...entry, type: "file", size: Number(stat.size), content: hostContent(host, stat) };
  if (stat.isSymbolicLink()) return { ...entry, type: "symlink", target: linkOf(host) };
  if (stat.isFIFO()) return { ...entry, type: "fifo" };
  if (stat.isCharacterDevice()) return { ...entry, type: "char", ...deviceNumbersOf(stat) };
  if (stat.isBlockDevice()) return { ...entry, type: "block", ...deviceNumbersOf(stat) };
  ctx.warn(leftOut(host));
  return undefined;
}

function childrenOf({ host, guest }: Visit): Visit[] {
  try {
    return readdirSync(host, { encoding: "buffer" })
      .map((name) => ({ name, text: name.toString("latin1") as ByteString }))
      .sort((a, b) => compareBytes(a.text, b.text))
      .map(({ name, text }) => ({
        host: Buffer.concat([host, Buffer.from("/"), name]),
        guest: (guest === "" ? text : `${guest}/${text}`) as ByteString,
      }));
  } catch (error) {
    throw unreadable(host, error);
  }
}

function statOf(host: Buffer): BigIntStats {
  try {
    return lstatSync(host, { bigint: true });
  } catch (error) {
    throw unreadable(host, error);
  }
}

function linkOf(host: Buffer): ByteString {
  try {
    return readlinkSync(host, { encoding: "buffer" }).toString("latin1") as ByteString;
  } catch (error) {
    throw unreadable(host, error);
  }
}
