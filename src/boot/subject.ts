import { readdirSync } from "node:fs";
import { basename, dirname, isAbsolute, join, resolve } from "node:path";
import type { ResolvedPlugin } from "../contract/plugin.ts";
import type { BuildResult } from "../contract/result.ts";
import { FledgeError } from "../lib/errors.ts";
import { checkManifest, parseManifestFile } from "../volant/check.ts";
import type { Manifest } from "../volant/schema.ts";
import { headOf } from "./head.ts";

/** What can be booted: what a build made, a plugin that was built, or the path of an artifact or a manifest. */
export type BootSubject = BuildResult | ResolvedPlugin | string;

export type Medium =
  | { readonly kind: "rootfs"; readonly filesystem: string }
  | { readonly kind: "initramfs"; readonly codec: string };

/** An artifact, and what its manifest says of it. */
export type Bootable = {
  readonly name: string;
  readonly artifact: string;
  readonly medium: Medium;
  readonly manifest?: Manifest;
};

/** Finds artifact and manifest, and looks at what the artifact is. Throws when one of them cannot be booted. */
export async function openSubject(subject: BootSubject): Promise<Bootable> {
  if (typeof subject === "string") return await openFile(resolve(subject));
  if ("artifact" in subject) return described(subject.artifact.path, subject.manifest?.document);
  const { plan } = await import("../pipeline/plan.ts");
  const { artifact, manifest } = plan(subject).outputs;
  if (manifest === undefined) return described(artifact, undefined);
  return described(artifact, await readManifest(manifest));
}

async function openFile(path: string): Promise<Bootable> {
  if (!path.endsWith(".json")) return described(path, await manifestBeside(path));
  const manifest = await readManifest(path);
  const url = (manifest.rootfs ?? manifest.initramfs)?.url ?? "";
  if (!/^https?:/i.test(url)) return described(isAbsolute(url) ? url : join(dirname(path), url), manifest);
  throw new FledgeError("usage", `the artifact of ${path} is at ${url}, not on this machine`, {
    hint: "fetch it, and name the file",
  });
}

async function readManifest(path: string): Promise<Manifest> {
  const { value } = await parseManifestFile(path);
  const { manifest, problems } = checkManifest(value, { file: path });
  if (manifest !== undefined) return manifest;
  throw new FledgeError("manifest", `${path} is no manifest that Volant takes`, { problems });
}

/** The manifest in the same folder that names the artifact, if there is one. */
async function manifestBeside(artifact: string): Promise<Manifest | undefined> {
  for (const path of manifestsIn(dirname(artifact))) {
    const { value } = await parseManifestFile(path).catch(() => ({ value: undefined }));
    const { manifest } = checkManifest(value);
    const url = (manifest?.rootfs ?? manifest?.initramfs)?.url ?? "";
    if (manifest !== undefined && basename(url) === basename(artifact)) return manifest;
  }
  return undefined;
}

function manifestsIn(folder: string): string[] {
  try {
    const names = readdirSync(folder).filter((name) => name.endsWith(".manifest.json"));
    return names.sort().map((name) => join(folder, name));
  } catch {
    return []; // what is wrong with the folder shows when the artifact is read
  }
}

function described(artifact: string, manifest: Manifest | undefined): Bootable {
  const medium = mediumOf(artifact);
  if (medium === undefined) {
    throw new FledgeError(
      "usage",
      `${artifact} is neither an initramfs nor a disk with a filesystem that fledge knows`,
      {
        hint: "fledge boots cpio archives, and disks of ext4, xfs, btrfs, squashfs and erofs",
      },
    );
  }
  if (medium.kind === "rootfs" && manifest === undefined) {
    throw new FledgeError(
      "usage",
      `there is no manifest beside ${artifact}, so nothing says what to start on the disk`,
      {
        hint: "put the NAME.manifest.json beside it that was built with it",
      },
    );
  }
  const name = manifest?.name ?? basename(artifact).replace(/(-rootfs)?\..*$/, "");
  return { name, artifact, medium, ...(manifest !== undefined && { manifest }) };
}

/** Magic numbers: at an offset, as latin1. */
const MAGICS: readonly (readonly [offset: number, bytes: string, medium: Medium])[] = [
  [0, "070701", { kind: "initramfs", codec: "none" }],
  [0, "\x1f\x8b", { kind: "initramfs", codec: "gzip" }],
  [0, "\x28\xb5\x2f\xfd", { kind: "initramfs", codec: "zstd" }],
  [0, "\xfd7zXZ\0", { kind: "initramfs", codec: "xz" }],
  [0, "\x02\x21\x4c\x18", { kind: "initramfs", codec: "lz4" }],
  [0, "hsqs", { kind: "rootfs", filesystem: "squashfs" }],
  [0, "XFSB", { kind: "rootfs", filesystem: "xfs" }],
  [1024, "\xe2\xe1\xf5\xe0", { kind: "rootfs", filesystem: "erofs" }],
  [1024 + 56, "\x53\xef", { kind: "rootfs", filesystem: "ext4" }],
  [65536 + 64, "_BHRfS_M", { kind: "rootfs", filesystem: "btrfs" }],
];

function mediumOf(path: string): Medium | undefined {
  const head = headOf(path, 66_000, "fledge build makes it");
  return MAGICS.find(([offset, bytes]) => head.toString("latin1", offset, offset + bytes.length) === bytes)?.[2];
}
