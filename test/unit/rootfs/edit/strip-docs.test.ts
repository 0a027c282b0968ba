import { expect, it } from "vitest";
import type { ByteString } from "../../../../src/lib/bytes.ts";
import { stripDocs } from "../../../../src/rootfs/edit/strip-docs.ts";
import type { DirInode } from "../../../../src/rootfs/node.ts";
import { Origins } from "../../../../src/rootfs/origin.ts";
import { RootfsTree } from "../../../../src/rootfs/tree.ts";
import { dir, file } from "../../../helpers/inodes.ts";

function tree(): RootfsTree {
  const rootfs = new RootfsTree();
  const files = {
    "/usr/share/doc/curl/changelog.gz": 100,
    "/usr/share/doc/curl/copyright": 50,
    "/usr/share/doc/empty/README": 10,
    "/usr/share/man/man1/curl.1.gz": 1000,
    "/usr/share/man/de/man1/curl.1.gz": 1000,
    "/usr/share/locale/locale.alias": 5,
    "/usr/share/locale/de/LC_MESSAGES/curl.mo": 2000,
    "/usr/lib/locale/C.utf8/LC_CTYPE": 300,
    "/var/cache/apt/archives/curl.deb": 10_000,
    "/var/lib/apt/lists/deb.debian.org": 20_000,
    "/var/lib/dpkg/status": 400,
    "/var/cache/debconf/config.dat": 30,
  };
  for (const [path, size] of Object.entries(files)) rootfs.writeFile(path, "x".repeat(size));
  return rootfs;
}

const files = (rootfs: RootfsTree): string[] =>
  [...rootfs.walk()].filter(({ type }) => type !== "dir").map(({ path }) => path);

it("takes out what no program needs, and says how many bytes that was", () => {
  const rootfs = tree();
  expect(stripDocs(rootfs)).toBe(100 + 10 + 1000 + 1000 + 2000 + 10_000 + 20_000);
  expect(files(rootfs)).toEqual([
    "/usr/lib/locale/C.utf8/LC_CTYPE",
    "/usr/share/doc/curl/copyright",
    "/usr/share/locale/locale.alias",
    "/var/cache/debconf/config.dat",
    "/var/lib/dpkg/status",
  ]);
  expect(rootfs.readdir("/usr/share/doc")).toEqual(["curl"]);
  expect(rootfs.readdir("/usr/share/man")).toEqual([]);
  expect(rootfs.readdir("/var/cache/apt")).toEqual([]);
  expect(stripDocs(rootfs)).toBe(0);
});

it("is remembered as what was taken away, folders as one", () => {
  const origins = new Origins();
  const rootfs = new RootfsTree(undefined, undefined, origins);
  origins.begin({ kind: "source", label: "base" });
  rootfs.writeFile("/usr/share/doc/curl/README", "12345");
  rootfs.writeFile("/usr/share/doc/curl/copyright", "1");
  rootfs.writeFile("/usr/share/man/de/man1/curl.1", "12");
  rootfs.writeFile("/usr/share/man/de/man8/curl.8", "123");
  origins.begin({ kind: "hook", label: "strips" });
  expect(stripDocs(rootfs)).toBe(10);
  expect(origins.gone).toEqual([
    { path: "usr/share/doc/curl/README", bytes: 5, from: 0, by: 1 },
    { path: "usr/share/man/de", bytes: 5, from: 0, by: 1 },
  ]);
});

it("leaves what is wanted, and what it is told to", () => {
  const rootfs = tree();
  expect(stripDocs(rootfs, { man: false, locale: false, caches: false })).toBe(110);
  expect(files(rootfs)).toHaveLength(10);
  expect(stripDocs(new RootfsTree())).toBe(0);
});

it("counts a hard link when its last name goes, and does not follow symlinks", () => {
  const rootfs = tree();
  rootfs.link("/usr/share/man/man1/curl.1.gz", "/usr/share/man/man1/alias.1.gz");
  rootfs.link("/usr/share/man/de/man1/curl.1.gz", "/kept");
  rootfs.rm("/usr/share/locale");
  rootfs.symlink("/usr/lib/locale", "/usr/share/locale");
  expect(stripDocs(rootfs, { docs: false, caches: false })).toBe(1000);
  expect(rootfs.exists("/usr/share/locale/C.utf8/LC_CTYPE")).toBe(true);
});

it("takes folders of any width and depth", () => {
  const rootfs = tree();
  const wide = new Map(Array.from({ length: 200_000 }, (_, i) => [`n${i}` as ByteString, file("x")]));
  let deep: DirInode = dir({ file: file("12345"), copyright: file("1") });
  for (let i = 0; i < 20_000; i++) deep = dir({ d: deep });
  const doc = rootfs.root.children.get("usr" as ByteString) as DirInode;
  doc.children.set("srv" as ByteString, { ...dir(), children: wide });
  const share = doc.children.get("share" as ByteString) as DirInode;
  (share.children.get("doc" as ByteString) as DirInode).children.set("deep" as ByteString, deep);
  expect(stripDocs(rootfs, { man: false, locale: false, caches: false })).toBe(115);
});
