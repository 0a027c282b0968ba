import type { ByteString } from "../lib/bytes.ts";
import type { Warning } from "../lib/context.ts";
import { isFledgeError } from "../lib/errors.ts";
import { readRangeSync } from "../rootfs/content.ts";
import { lookup } from "../rootfs/lookup.ts";
import type { DirInode, FileInode, Inode } from "../rootfs/node.ts";
import { type RpmPackage, rpmPackages } from "./rpm.ts";

/** A package as the package manager of the guest knows it. */
export type InstalledPackage = {
  readonly manager: "dpkg" | "apk" | "rpm";
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
};

const MAX_DATABASE_BYTES = 64 * 1024 * 1024;

/** What is installed, by name, and what of it could not be read. */
export type FoundPackages = {
  readonly packages: readonly InstalledPackage[];
  readonly warnings: readonly Warning[];
};

/** What the databases of dpkg (distroless' too), apk and rpm say is installed. */
export function packagesIn(root: DirInode): FoundPackages {
  const status = [textAt(root, "var/lib/dpkg/status"), ...filesIn(root, "var/lib/dpkg/status.d").map(textOf)];
  const rpm = rpmIn(root);
  const found = [
    ...status.flatMap(dpkgPackages),
    ...apkPackages(textAt(root, "lib/apk/db/installed")),
    ...rpm.packages,
  ];
  const packages = found.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return { packages, warnings: rpm.warnings };
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

/** Where distributions have rpm's database; one of them is often a link to the other. */
const RPM_FOLDERS = ["usr/lib/sysimage/rpm", "var/lib/rpm"];
/** What rpm has kept it in elsewhere or before. */
const RPM_FORMS = { Packages: "a Berkeley DB", "Packages.db": "of the form ndb" } as const;

function rpmIn(root: DirInode): FoundPackages {
  const packages: InstalledPackage[] = [];
  const warnings: Warning[] = [];
  const warn = (path: string, why: string): void => void warnings.push({ message: `/${path} ${why}`, hint: RPM_HINT });
  for (const folder of foldersIn(root, RPM_FOLDERS)) {
    const database = `${folder}/rpmdb.sqlite`;
    const node = nodeAt(root, database);
    if (node?.type === "file") {
      const log = nodeAt(root, `${database}-wal`);
      if (log?.type === "file" && log.size > 0) warn(`${database}-wal`, "has changes that fledge does not read");
      const found = readable(rpmPackages(node), (why) => warn(database, `is not read: ${why}`));
      packages.push(...found.map((one) => ({ manager: "rpm", ...one }) as const));
      continue;
    }
    for (const [name, form] of Object.entries(RPM_FORMS)) {
      if (nodeAt(root, `${folder}/${name}`)?.type === "file")
        warn(`${folder}/${name}`, `is ${form}, which fledge does not read`);
    }
  }
  return { packages, warnings };
}

const RPM_HINT = "rpm -qa in the guest knows which packages it has";

/** Folders that are there, each once, whichever of its names it is looked for under. */
function foldersIn(root: DirInode, paths: readonly string[]): string[] {
  const found = new Map<Inode, string>();
  for (const path of paths) {
    const node = nodeAt(root, path);
    if (node?.type === "dir" && !found.has(node)) found.set(node, path);
  }
  return [...found.values()];
}

/** What can be read of a database before it turns out to be damaged. */
function readable(packages: Iterable<RpmPackage>, warn: (why: string) => void): RpmPackage[] {
  const found: RpmPackage[] = [];
  try {
    for (const one of packages) found.push(one);
  } catch (error) {
    if (isFledgeError(error)) warn(error.message);
    else if (error instanceof RangeError) warn("the database is damaged: something in it leads out of a page");
    else throw error;
  }
  return found;
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
