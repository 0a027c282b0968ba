import { describe, expect, it } from "vitest";
import { FledgeError } from "../../../src/lib/errors.ts";
import { ioError } from "../../../src/lib/io-error.ts";

describe("ioError", () => {
  it.each([
    ["ENOSPC", "cannot write out/web.img: the disk is full", "free some space in out, or write elsewhere with -o"],
    ["EDQUOT", "cannot write out/web.img: the disk quota is used up", "free some space, or write elsewhere with -o"],
    ["EACCES", "cannot write out/web.img: permission denied", "check who owns out and its mode (ls -ld)"],
    ["EPERM", "cannot write out/web.img: permission denied", "check who owns out and its mode (ls -ld)"],
    ["EROFS", "cannot write out/web.img: the file system is read-only", "choose a writable folder with -o"],
    ["ENOENT", "cannot write out/web.img: no such file or folder", "check that out exists and the name is right"],
    ["ENOTDIR", "cannot write out/web.img: a part of the path is not a folder", "check each part of out"],
    ["EISDIR", "cannot write out/web.img: it is a folder, not a file", "give the path of a file"],
    [
      "ENAMETOOLONG",
      "cannot write out/web.img: the name is too long",
      "a file name has at most 255 bytes; choose a shorter one",
    ],
  ])("explains %s", (code, message, hint) => {
    const cause = Object.assign(new Error("raw"), { code });
    const error = ioError(cause, "write", "out/web.img");
    expect(error).toMatchObject({ code: "io", message, hint, cause });
  });

  it("keeps the text of an errno it does not know", () => {
    const error = ioError(Object.assign(new Error("EIO: i/o error, read"), { code: "EIO" }), "read", "a");
    expect(error).toMatchObject({ message: "cannot read a: EIO: i/o error, read", hint: undefined });
  });

  it("lets an error of fledge pass", () => {
    const own = new FledgeError("aborted", "stop");
    expect(ioError(own, "write", "a")).toBe(own);
  });
});
