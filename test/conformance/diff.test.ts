import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { expect, test } from "vitest";
import { cpioImager } from "../../src/imagers/cpio/index.ts";
import { ext4Imager } from "../../src/imagers/ext4/index.ts";
import { squashfsImager } from "../../src/imagers/squashfs/index.ts";
import { resolveSquashfsOptions } from "../../src/imagers/squashfs/options.ts";
import { tarImager } from "../../src/imagers/tar/index.ts";
import { type Difference, diffImages } from "../../src/inspect/diff.ts";
import { openImage } from "../../src/inspect/open.ts";
import type { ImageReader } from "../../src/inspect/reader.ts";
import { toByteString, toText } from "../../src/lib/bytes.ts";
import { type SealedTree, sealTree } from "../../src/rootfs/seal.ts";
import { quietContext, run, withFolder } from "../helpers/disk.ts";
import { ext4Options } from "../helpers/ext4.ts";
import { type Listing, listFolder } from "../helpers/listing.ts";
import { debianLayout, needsRealImages, nginxLayout, TAG } from "../helpers/real-images.ts";
import { describeWith, requireTools } from "../helpers/requirements.ts";
import { sampleTree } from "../helpers/sample-tree.ts";
import { umociUnpack } from "../helpers/umoci.ts";

/** Paths in which two folders differ; times are not compared, nor which names are one file. */
function differing(a: Listing, b: Listing): Record<"added" | "removed" | "changed", string[]> {
  const shown = (path: string): string => toText(toByteString(Buffer.from(path, "latin1"))) || "/";
  const seen = (listing: Listing, path: string) => ({ ...listing[path], mtime: "", links: [] });
  const only = (one: Listing, other: Listing) => Object.keys(one).filter((path) => other[path] === undefined);
  const both = Object.keys(a).filter((path) => b[path] !== undefined);
  const changed = both.filter((path) => !isDeepStrictEqual(seen(a, path), seen(b, path)));
  return {
    added: only(b, a).map(shown).sort(),
    removed: only(a, b).map(shown).sort(),
    changed: changed.map(shown).sort(),
  };
}

/** The same of what fledge found: what was renamed is gone in one place and new in another. */
function found(differences: readonly Difference[]): ReturnType<typeof differing> {
  const of = (change: Difference["change"]) => differences.filter((difference) => difference.change === change);
  const renamed = of("renamed");
  const paths = (those: readonly Difference[]) => those.map(({ path }) => path);
  const notOnlyLinks = of("changed").filter(({ aspects }) => aspects.some(({ what }) => what !== "links"));
  return {
    added: [...paths(of("added")), ...paths(renamed)].sort(),
    removed: [...paths(of("removed")), ...renamed.map(({ from = "" }) => from)].sort(),
    changed: paths(notOnlyLinks).sort(),
  };
}

/** One of everything, with an ACL, a capability, and attributes of three namespaces. */
function everything(): SealedTree {
  const tree = sampleTree();
  tree.setXattr("/etc/passwd", "user.note", "kept");
  tree.setXattr("/var/mail", "trusted.note", "y");
  tree.setXattr("/data/blob", "user.empty", "");
  tree.setCapability("/bin/su", "cap_net_raw+ep");
  tree.setXattr("/home/user/file", "system.posix_acl_access", ACL);
  tree.chmod("/home/user/file", 0o660);
  return sealTree(tree.root);
}

/** user::rw-,user:1000:r--,group::r--,mask::rw-,other::--- (linux/posix_acl_xattr.h) */
const ACL = Buffer.from(
  "02000000" + "01000600ffffffff" + "02000400e8030000" + "04000400ffffffff" + "10000600ffffffff" + "20000000ffffffff",
  "hex",
);

describeWith("one tree in every format", [requireTools("tar2sqfs")], () => {
  async function inEveryFormat(folder: string): Promise<ImageReader[]> {
    const [tree, ctx] = [everything(), { ...quietContext(), env: { PATH: process.env.PATH } }];
    const at = (name: string): string => join(folder, name);
    await ext4Imager.write(tree, at("ext4"), ext4Options(), ctx);
    await squashfsImager.write(tree, at("squashfs"), resolveSquashfsOptions({ type: "squashfs" }), ctx);
    await tarImager.write(tree, at("tar"), { type: "tar", sparse: true }, ctx);
    await cpioImager.write(tree, at("cpio"), { compression: "gzip" }, ctx);
    const names = ["ext4", "squashfs", "tar", "cpio"];
    return await Promise.all(names.map((name) => openImage(at(name), { cacheDir: at("cache") })));
  }

  test("is the same in each, but for what that cannot tell, which is said", () =>
    withFolder(async (folder) => {
      const readers = await inEveryFormat(folder);
      // A squashfs could have one, but not one that is made of a tar.
      const hasSocket = ({ format }: ImageReader): boolean => format === "ext4" || format === "cpio";
      for (const a of readers) {
        for (const b of readers) {
          const { differences, notCompared } = await diffImages(a, b);
          const isSocketShown = hasSocket(a) !== hasSocket(b) && !notCompared.includes("sockets");
          const paths = differences.map(({ path }) => path);
          expect(paths, `${a.format} and ${b.format}`).toEqual(isSocketShown ? ["/run/socket"] : []);
          expect([...notCompared].sort()).toEqual([...new Set([...a.lacks, ...b.lacks])].sort());
        }
      }
      await Promise.all(readers.map((reader) => reader.close()));
    }));

  test("shows those losses, and no other, where they are compared all the same", () =>
    withFolder(async (folder) => {
      const readers = await inEveryFormat(folder);
      const [ext4, ...others] = readers.map((reader) => ({ ...reader, tree: reader.tree, lacks: [] }));
      const shown: Record<string, string[]> = {};
      for (const other of others) {
        const { differences } = await diffImages(ext4 as ImageReader, other);
        shown[other.format] = differences.map(({ path, change, aspects }) =>
          [path, change, ...aspects.map(({ what, name }) => name ?? what)].join(" "),
        );
      }
      expect(shown).toEqual({
        squashfs: ["/home/user/file changed mode system.posix_acl_access", "/run/socket removed"],
        tar: ["/run/socket removed"],
        cpio: [
          "/bin/su changed security.capability",
          "/data/again changed user.empty",
          "/a-first-name changed user.empty",
          "/data/blob changed user.empty",
          "/etc/passwd changed user.note",
          "/home/user/file changed mode system.posix_acl_access",
          "/var/mail changed trusted.note",
        ].sort(),
      });
      await Promise.all(readers.map((reader) => reader.close()));
    }));
});

describeWith("an image of Debian", [needsRealImages(), requireTools("skopeo", "umoci", "getfattr")], () => {
  test("differs from another in what their unpacked trees do, in both directions", () =>
    withFolder(async (folder) => {
      const layouts = [await debianLayout(), await nginxLayout()];
      const open = (target: string) => openImage(target, { cacheDir: join(folder, "cache") });
      const [debian, nginx] = [await open(layouts[0] as string), await open(layouts[1] as string)];
      const listings: Listing[] = [];
      for (const layout of layouts) listings.push(listFolder(await umociUnpack(layout, folder)));
      const [a, b] = listings as [Listing, Listing];
      expect(found((await diffImages(debian, nginx)).differences)).toEqual(differing(a, b));
      expect(found((await diffImages(nginx, debian)).differences)).toEqual(differing(b, a));
      expect(differing(a, b).added).toContain("/usr/sbin/nginx");
      await debian.close();
      await nginx.close();
    }));

  test.each(["oci-archive", "docker-archive"])("is the same in buildah's layout and in skopeo's %s", (kind) =>
    withFolder(async (folder) => {
      const layout = await debianLayout();
      const archive = join(folder, "copy.tar");
      run("skopeo", ["copy", "--quiet", `oci:${layout}:${TAG}`, `${kind}:${archive}:debian:${TAG}`]);
      const open = (target: string) => openImage(target, { cacheDir: join(folder, "cache") });
      const [a, b] = [await open(layout), await open(archive)];
      const { isSame, differences } = await diffImages(a, b);
      expect([isSame, differences]).toEqual([true, []]);
      expect(a.tree.entries.length).toBeGreaterThan(1000);
      await a.close();
      await b.close();
    }),
  );
});
