import type { ByteString } from "../lib/bytes.ts";
import { readRangeSync } from "../rootfs/content.ts";
import { lookup } from "../rootfs/lookup.ts";
import type { DirInode, FileInode, Inode } from "../rootfs/node.ts";

/** A package as the package manager of the guest knows it. */
export type InstalledPackage = {
  readonly manager: "dpkg" | "apk";
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
};

const MAX_DATABASE_BYTES = 64 * 1024 * 1024;

/** What the databases of dpkg (distroless' too) and apk say is installed, by name. */
export function packagesIn(root: DirInode): InstalledPackage[] {
  const status = [textAt(root, "var/lib/dpkg/status"), ...filesIn(root, "var/lib/dpkg/status.d").map(textOf)];
  const found = [...status.flatMap(dpkgPackages), ...apkPackages(textAt(root, "lib/apk/db/installed"))];
  return found.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

/** deb-control(5): paragraphs of `Field: value`. Those without a status are distroless', which has only what is installed. */
function dpkgPackages(text: string): InstalledPackage[] {
  return text.split("\n\n").flatMap((paragraph) => {
    const field = (name: string): string | undefined =>
      new RegExp(`^${name}: *(.*)$`, "m").exec(paragraph)?.[1]?.trim();
    const [name, version, status] = [field("Package"), field("Version"), field("Status")];
    const isInstalled = status === undefined || status.endsWith(" installed");
    if (name === undefined || version === undefined || !isInstalled) return [];
    return [{ manager: "dpkg", name, version, architecture: field("Architecture") ?? "" } as const];
  });
}

/** apk's database: paragraphs of `P:name`, `V:version`, `A:architecture`. */
function apkPackages(text: string): InstalledPackage[] {
  return text.split("\n\n").flatMap((paragraph) => {
    const field = (letter: string): string | undefined => new RegExp(`^${letter}:(.*)$`, "m").exec(paragraph)?.[1];
    const [name, version] = [field("P"), field("V")];
    if (name === undefined || version === undefined) return [];
    return [{ manager: "apk", name, version, architecture: field("A") ?? "" } as const];
  });
}

function textAt(root: DirInode, path: string): string {
  const node = nodeAt(root, path);
  return node?.type === "file" ? textOf(node) : "";
}

function filesIn(root: DirInode, path: string): FileInode[] {
  const node = nodeAt(root, path);
  if (node?.type !== "dir") return [];
  return [...node.children.values()].filter((child) => child.type === "file");
}

function textOf(file: FileInode): string {
  return file.size > MAX_DATABASE_BYTES ? "" : readRangeSync(file, 0, file.size).toString("utf8");
}

/** What a link that leads nowhere, or round in a circle, names is not there. */
function nodeAt(root: DirInode, path: string): Inode | undefined {
  try {
    return lookup(root, path as ByteString, { followLast: true })?.node;
  } catch {
    return undefined;
  }
}
