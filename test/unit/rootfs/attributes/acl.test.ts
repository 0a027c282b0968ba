import { describe, expect, test } from "vitest";
import { makeable } from "../../../../src/imagers/dir/limits.ts";
import { holdable } from "../../../../src/imagers/squashfs/limits.ts";
import { type ByteString, toByteString } from "../../../../src/lib/bytes.ts";
import { modeWithoutAcl, parseAcl, parseDefaultAcl } from "../../../../src/rootfs/attributes/acl.ts";
import { applyLayer } from "../../../../src/rootfs/layers/apply.ts";
import type { FileInode } from "../../../../src/rootfs/node.ts";
import { type SealedTree, sealTree } from "../../../../src/rootfs/seal.ts";
import { RootfsTree } from "../../../../src/rootfs/tree.ts";
import { merge } from "../../../helpers/layers.ts";
import { type Member, tar } from "../../../helpers/tar-writer.ts";

const ACCESS = toByteString("system.posix_acl_access");
const DEFAULT = toByteString("system.posix_acl_default");

const ids = {
  user: (name: string) => (name === "jo" ? 1000 : undefined),
  group: (name: string) => (name === "web" ? 33 : undefined),
};

/** The entries of a value, as `tag:perm:id`. */
function shown(value: Uint8Array | undefined): string[] | undefined {
  if (value === undefined) return undefined;
  const bytes = Buffer.from(value);
  expect(bytes.readUInt32LE(0)).toBe(2);
  return Array.from({ length: (bytes.length - 4) / 8 }, (_, i) => {
    const at = 4 + 8 * i;
    const id = bytes.readUInt32LE(at + 4);
    return `${bytes.readUInt16LE(at).toString(16)}:${bytes.readUInt16LE(at + 2)}${id === 0xffffffff ? "" : `:${id}`}`;
  });
}

describe("the text of an ACL", () => {
  const FULL = ["1:6", "2:4:1000", "4:4", "8:7:33", "10:5", "20:0"];
  test.each([
    ["with names", "user::rw-,user:jo:r--,group::r--,group:web:rwx,mask::r-x,other::---"],
    [
      "on lines, with comments",
      "# file: f\nuser::rw-\nuser:jo:r--\t#effective:r--\ngroup::r--\ngroup:web:rwx\nmask::r-x\nother::---\n",
    ],
    ["with ids", "user::rw-,user:1000:r--,group::r--,group:33:rwx,mask::r-x,other::---"],
    [
      "with names and ids, as star and bsdtar write it",
      "user::rw-,group::r--,mask::r-x,other::---,user:nobody-here:r--:1000,group:x:rwx:33",
    ],
    ["short, as Solaris", "u::rw-,u:jo:r--,g::r--,g:web:rwx,m:r-x,o:---"],
  ])("%s", (_, text) => {
    const acl = parseAcl(text, 0o4777, ids);
    expect(shown(acl?.xattr)).toEqual(FULL);
    // The group's bits are the mask.
    expect(acl).toMatchObject({ mode: 0o4650, unknown: [] });
  });

  test("that says no more than a mode is one", () => {
    expect(parseAcl("user::rwx,group::r-x,other::---", 0o2777, ids)).toEqual({
      mode: 0o2750,
      xattr: undefined,
      unknown: [],
    });
  });

  test("without a mask has that of the mode, and what it lacks comes from there", () => {
    const acl = parseAcl("user:jo:rwx,group::r--", 0o751, ids);
    expect(shown(acl?.xattr)).toEqual(["1:7", "2:7:1000", "4:4", "10:5", "20:1"]);
    expect(acl?.mode).toBe(0o751);
  });

  test("with a name that nobody has keeps the rest", () => {
    const acl = parseAcl("user::rw-,user:ghost:rwx,group::r--,mask::rw-,other::---", 0o660, ids);
    expect(acl?.unknown).toEqual(["user ghost"]);
    expect(shown(acl?.xattr)).toEqual(["1:6", "4:4", "10:6", "20:0"]);
  });

  test.each(["user::rw-,nonsense", "user::rw-,group::r-q", "everyone@:rwx::allow"])("%j is none", (text) => {
    expect(parseAcl(text, 0o644, ids)).toBeUndefined();
  });

  test("of a default ACL has all entries", () => {
    expect(shown(parseDefaultAcl("user::rwx,group::r-x,other::---", 0o755, ids)?.xattr)).toEqual([
      "1:7",
      "4:5",
      "20:0",
    ]);
  });

  test("that is lost leaves the owning group what it may do", () => {
    const acl = parseAcl("user::rw-,user:jo:rw-,group::r--,mask::rw-,other::---", 0o660, ids);
    const withXattr = (mode: number, value: Uint8Array) => ({ mode, xattrs: new Map([[ACCESS, value]]) });
    expect(modeWithoutAcl(withXattr(acl?.mode ?? 0, acl?.xattr ?? Buffer.alloc(0)))).toBe(0o640);
    expect(modeWithoutAcl(withXattr(0o660, Buffer.from("damaged")))).toBe(0o600);
    expect(modeWithoutAcl({ mode: 0o4770, xattrs: new Map() })).toBe(0o4770);
  });

  test("is not lost in a way that lets the owning group do more: initramfs, squashfs, folder", () => {
    const rootfs = new RootfsTree();
    const value = parseAcl("user::rw-,user:jo:rw-,group::---,mask::rw-,other::---", 0o660, ids)?.xattr;
    rootfs.writeFile("/f", "x", { mode: 0o660 });
    const node = rootfs.root.children.get(toByteString("f")) as FileInode;
    node.xattrs = new Map([[ACCESS, value ?? Buffer.alloc(0)]]);
    const tree = sealTree(rootfs.root);
    const modeIn = ({ entries }: SealedTree): number | undefined =>
      entries.find(({ path }) => path === "f")?.inode.node.mode;
    expect(modeIn(holdable(tree, { warn: () => {} }))).toBe(0o600);
    expect(modeIn(makeable(tree, { uid: 0, gid: 0 }).tree)).toBe(0o600);
    expect(modeIn(makeable(tree, { uid: 1, gid: 1 }).tree)).toBe(0o600);
  });
});

describe("in a layer", () => {
  const withAcl = (name: string, text: string, more: Partial<Member> = {}): Member => ({
    name,
    mode: 0o660,
    pax: [["SCHILY.acl.access", text]],
    ...more,
  });
  const text = "user::rw-,user:jo:r--,group::r--,mask::rw-,other::---";

  test("names are those of the guest's accounts, wherever in the layers they are", async () => {
    const passwd = { name: "etc/passwd", data: "root:x:0:0::/:/bin/sh\njo:x:1000:1000::/home/jo:/bin/sh\n" };
    const tree = await merge([tar(withAcl("f", text), passwd)]);
    expect(shown(tree.stat("/f").xattrs.get(ACCESS))).toEqual(["1:6", "2:4:1000", "4:4", "10:6", "20:0"]);
    const stacked = await merge([tar(passwd), tar(withAcl("f", text))]);
    expect(stacked.stat("/f").xattrs).toEqual(tree.stat("/f").xattrs);
    expect(tree.stat("/f").mode).toBe(0o660);
  });

  test("without the account its entry goes, with a warning, and nobody gets more", async () => {
    const warnings: string[] = [];
    const tree = new RootfsTree();
    const xattrs = new Map([[toByteString("SCHILY.acl.access"), Buffer.from(text)]]);
    const metadata = { mode: 0o660, uid: 0, gid: 0, mtime: { sec: 0, nsec: 0 }, xattrs };
    const layer = { label: "l", entries: () => [{ path: "d" as ByteString, type: "dir" as const, metadata }] };
    await applyLayer(tree.root, layer, { warn: ({ message }) => void warnings.push(message) });
    expect(shown(tree.stat("/d").xattrs.get(ACCESS))).toEqual(["1:6", "4:4", "10:6", "20:0"]);
    expect(warnings).toEqual(["l: left out of an ACL, being of no account of the guest: user jo (d)"]);
  });

  test("one that cannot be read takes from the owning group what may be another's", async () => {
    const tree = await merge([tar(withAcl("f", "user::rw-,what is this"))]);
    expect(tree.stat("/f")).toMatchObject({ mode: 0o600, xattrs: new Map() });
  });

  test("a directory has a default one, a file has none, a symlink has neither", async () => {
    const pax = [["SCHILY.acl.default", "user::rwx,group::r-x,other::---"]] as const;
    const tree = await merge([
      tar(
        { name: "d/", type: "5", pax },
        { name: "f", pax },
        { name: "l", type: "2", linkname: "f", pax: [["SCHILY.acl.access", text]] },
      ),
    ]);
    expect(shown(tree.stat("/d").xattrs.get(DEFAULT))).toEqual(["1:7", "4:5", "20:0"]);
    expect(tree.stat("/f").xattrs.size).toBe(0);
    expect(tree.lstat("/l").xattrs.size).toBe(0);
  });

  test("that comes as an attribute, too, is taken from there; a later entry has none of an earlier one's", async () => {
    const value = Buffer.from("02000000010006ffffffffff", "hex");
    const both = withAcl("f", text, {
      pax: [
        ["SCHILY.acl.access", text],
        ["SCHILY.xattr.system.posix_acl_access", value],
      ],
    });
    const tree = await merge([tar(both, withAcl("d/", text, { type: "5" }), { name: "d/", type: "5", mode: 0o750 })]);
    expect(tree.stat("/f").xattrs.get(ACCESS)).toEqual(value);
    expect(tree.stat("/d")).toMatchObject({ mode: 0o750, xattrs: new Map() });
  });
});
