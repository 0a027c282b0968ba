import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { FledgeError } from "../../../../src/lib/errors.ts";
import { ioError, renamedIn } from "../../../../src/lib/files/io-error.ts";
import { tempDir } from "../../../helpers/temp.ts";

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

  it("names the part of a path that is a file and not a folder", () => {
    const folder = tempDir();
    writeFileSync(join(folder, "out"), "");
    const cause = Object.assign(new Error("raw"), { code: "ENOTDIR" });
    for (const path of [join(folder, "out/web.img"), join(folder, "out/below/web.img")]) {
      expect(ioError(cause, "write", path)).toMatchObject({
        message: `cannot write ${path}: ${join(folder, "out")} is a file, not a folder`,
        hint: "remove or rename it, or choose another path",
      });
    }
  });

  it("keeps the text of an errno it does not know", () => {
    const error = ioError(Object.assign(new Error("ESTRANGE: strange, read"), { code: "ESTRANGE" }), "read", "a");
    expect(error).toMatchObject({ message: "cannot read a: ESTRANGE: strange, read", hint: undefined });
  });

  it.each(["EFBIG", "EMFILE", "ENFILE", "ELOOP", "EXDEV", "ETXTBSY", "EBUSY", "EIO", "ENXIO", "EEXIST", "ENOTEMPTY"])(
    "explains %s in words and says what to do",
    (code) => {
      const error = ioError(
        Object.assign(new Error(`${code}: raw, open '/tmp/.x.tmp'`), { code }),
        "write",
        "out/web.img",
      );
      expect(error.message).toMatch(/^cannot write out\/web\.img: [a-zFIO ,]+$/);
      expect(error.hint).toMatch(/\S/);
    },
  );

  it("says what an errno without an explanation means, without the path that the system was given", () => {
    const raw = new Error("EPIPE: broken pipe, open '/tmp/.x.tmp'");
    const error = ioError(Object.assign(raw, { code: "EPIPE", errno: -32 }), "write", "out/web.img");
    expect(error.message).toBe("cannot write out/web.img: broken pipe (EPIPE)");
  });

  it("names the final path where a temporary one was written", () => {
    const temporary = ioError(Object.assign(new Error("raw"), { code: "ENOENT" }), "write", "/out/.web.tmp");
    expect(renamedIn(temporary, "/out/.web.tmp", "/out/web")).toMatchObject({
      code: "io",
      message: "cannot write /out/web: no such file or folder",
      cause: temporary.cause,
    });
    expect(renamedIn(temporary, "/other", "/out/web")).toBe(temporary);
  });

  it("lets an error of fledge pass", () => {
    const own = new FledgeError("aborted", "stop");
    expect(ioError(own, "write", "a")).toBe(own);
  });
});
