import { describe, expect, test } from "vitest";
import { placeXattrs } from "../../../../../src/imagers/ext4/structures/xattr.ts";
import { xattrsOf } from "../../../../helpers/inodes.ts";

const place = (names: Record<string, Uint8Array>, path = "/etc/x") =>
  placeXattrs(xattrsOf(Object.entries(names)), path);

describe("where extended attributes go", () => {
  test("a capability fits the inode", () => {
    const { inode, block } = place({ "security.capability": Buffer.alloc(20) });
    expect([inode.length, block.length]).toEqual([1, 0]);
  });

  test("what does not fit goes to the block, and what comes after it may still fit", () => {
    const { inode, block } = place({ "user.large": Buffer.alloc(200), "security.capability": Buffer.alloc(20) });
    expect(inode.map(({ index }) => index)).toEqual([6]);
    expect(block.map(({ index }) => index)).toEqual([1]);
  });

  test("sorted by namespace, then length, then bytes", () => {
    const { inode, block } = place({
      "trusted.a": Buffer.alloc(0),
      "user.bb": Buffer.alloc(0),
      "user.c": Buffer.alloc(0),
      "user.ba": Buffer.alloc(0),
    });
    expect([...inode, ...block].map(({ index, name }) => `${index} ${name}`)).toEqual(["1 c", "1 ba", "1 bb", "4 a"]);
  });

  test.each([
    [4096 - 32 - 4 - 20, true],
    [4096 - 32 - 4 - 20 + 1, false],
  ])("a value of %d bytes: %s", (length, fits) => {
    const attempt = () => place({ "user.x": Buffer.alloc(length) });
    if (fits) expect(attempt().block).toHaveLength(1);
    else expect(attempt).toThrow(/^\/etc\/x: its extended attributes are \d+ bytes more than ext4 holds/);
  });

  test.each(["system.nfs4_acl", "os2.thing", "security", "user."])(
    "%s is an error that names it and the path",
    (name) => {
      expect(() => place({ [name]: Buffer.alloc(1) })).toThrow(new RegExp(`^/etc/x: .*${name.replace(".", "\\.")}`));
    },
  );
});
