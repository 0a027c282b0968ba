import { expect, test } from "vitest";
import { RootfsTree } from "../../../src/rootfs/tree.ts";

function tree(): RootfsTree {
  const rootfs = new RootfsTree();
  for (const path of ["/etc/nginx/nginx.conf", "/etc/nginx/conf.d/a.conf", "/etc/.hidden", "/usr/lib/café.so", "/x"]) {
    rootfs.writeFile(path, "");
  }
  rootfs.symlink("/etc", "/link");
  return rootfs;
}

test.each([
  ["/etc/nginx/*.conf", ["/etc/nginx/nginx.conf"]],
  ["/etc/**/*.conf", ["/etc/nginx/conf.d/a.conf", "/etc/nginx/nginx.conf"]],
  ["/**/*.so", ["/usr/lib/café.so"]],
  ["/usr/lib/caf*é*.so", ["/usr/lib/café.so"]],
  ["/etc/*", ["/etc/.hidden", "/etc/nginx"]],
  ["/{x,etc}", ["/etc", "/x"]],
  ["/[w-y]", ["/x"]],
  ["/etc/nginx/nginx.conf", ["/etc/nginx/nginx.conf"]],
  ["/link/**", []],
  ["/none/*", []],
])("%s", (pattern, paths) => {
  expect(tree().glob(pattern)).toEqual(paths);
});

test("folders of any number more than once are as one of them", () => {
  const rootfs = tree();
  rootfs.writeFile(`/${"xy/".repeat(60)}xyz`, "");
  expect(rootfs.glob(`/${"**/".repeat(20)}*.conf`)).toEqual(rootfs.glob("/**/*.conf"));
  expect(rootfs.glob(`/${"**/".repeat(20)}*q`)).toEqual([]);
});

test("a pattern must be absolute", () => {
  expect(() => tree().glob("*.conf")).toThrow(/glob "\*\.conf" is not absolute/);
});
