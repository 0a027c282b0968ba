import { expect, test } from "vitest";
import { unpackArgv } from "../../../../src/imagers/dir/index.ts";
import { makeable } from "../../../../src/imagers/dir/limits.ts";
import { device, dir, file, pipe, seal } from "../../../helpers/inodes.ts";

const xattrs = new Map([
  ["user.a", Buffer.from("a")],
  ["security.capability", Buffer.from("c")],
]);

const tree = seal(
  dir({
    plain: file("x", { uid: 33, gid: 33 }),
    su: file("x", { mode: 0o4755 }),
    ping: file("x", { xattrs }),
    null: device("char", 1, 3),
    socket: pipe("socket"),
    sticky: dir({}, { mode: 0o1777 }),
  }),
);

test("as root all but sockets is made", () => {
  const { tree: made, warning } = makeable(tree, { uid: 0, gid: 0 });
  expect(made.entries.map(({ path }) => path)).toEqual(["", "null", "ping", "plain", "sticky", "su"]);
  expect(warning?.message).toBe("the folder is without the devices and sockets /socket");
  expect(makeable(seal(dir({ a: file() })), { uid: 0, gid: 0 }).warning).toBeUndefined();
});

test("as anybody else one warning says what is not kept", () => {
  const { tree: made, warning } = makeable(tree, { uid: 1000, gid: 1000 });
  expect(warning?.message).toBe(
    "the folder is without the owners of 5 files, the set-id bits of /su, extended attributes of /ping, the devices and sockets /null, /socket",
  );
  const nodes = Object.fromEntries(made.entries.map(({ path, inode }) => [path, inode.node]));
  expect(Object.keys(nodes)).toEqual(["", "ping", "plain", "sticky", "su"]);
  expect(nodes.plain).toMatchObject({ uid: 1000, gid: 1000 });
  expect(nodes.su?.mode).toBe(0o755);
  expect(nodes.sticky?.mode).toBe(0o1777);
  expect([...(nodes.ping?.xattrs.keys() ?? [])]).toEqual(["user.a"]);
});

test("only root keeps owners", () => {
  expect(unpackArgv({ uid: 0, gid: 0 })).toContain("--same-owner");
  expect(unpackArgv({ uid: 5, gid: 5 })).toContain("--no-same-owner");
});
