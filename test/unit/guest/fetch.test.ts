import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { type FetchRequest, fetchFile } from "../../../src/guest/fetch.ts";
import { sha256 } from "../../../src/lib/digest.ts";
import { testContext } from "../../helpers/context.ts";
import { file, httpServer, status } from "../../helpers/file-server.ts";
import { tempDir } from "../../helpers/temp.ts";

const about = { what: "BusyBox", instead: "take another", key: "busybox.url", checksumKey: "busybox.sha256" };

function setUp() {
  const baseDir = tempDir();
  writeFileSync(join(baseDir, "box"), "content");
  const ctx = { ...testContext({ cacheDir: join(baseDir, "cache"), env: {} }), baseDir };
  return {
    baseDir,
    ctx,
    fetch: (from: string, more: Partial<FetchRequest> = {}) => fetchFile(ctx, { ...about, from, ...more }),
  };
}

describe("a local file", () => {
  it("is named by a path of the config's folder, an absolute one, or a file URL", async () => {
    const { baseDir, fetch } = setUp();
    const path = join(baseDir, "box");
    for (const from of [
      "box",
      "./box",
      path,
      pathToFileURL(path).href,
      pathToFileURL(path).href.toUpperCase().slice(0, 5) + path,
    ]) {
      expect(await fetch(from, { checksum: sha256("content") })).toEqual({ path, digest: sha256("content") });
    }
  });

  it("needs no checksum, and no warning", async () => {
    const { ctx, fetch } = setUp();
    await fetch("box");
    expect(ctx.warnings).toEqual([]);
  });

  it("of other content", async () => {
    const { baseDir, fetch } = setUp();
    await expect(fetch("box", { checksum: sha256("other") })).rejects.toMatchObject({
      code: "checksum",
      message: `${join(baseDir, "box")} is not what the checksum says: expected ${sha256("other")}, got ${sha256("content")}`,
    });
  });

  it("that is missing, or a folder", async () => {
    const { baseDir, fetch } = setUp();
    await expect(fetch("none")).rejects.toMatchObject({
      code: "config",
      message: `busybox.url: ${join(baseDir, "none")} does not exist`,
      hint: "check the path; take another",
    });
    mkdirSync(join(baseDir, "folder"));
    await expect(fetch("folder")).rejects.toThrow(`busybox.url: ${join(baseDir, "folder")} is not a file`);
  });

  it("of another machine", async () => {
    await expect(setUp().fetch("file://server/box")).rejects.toMatchObject({
      code: "config",
      message: 'busybox.url: "file://server/box" is not a file URL of this machine',
      hint: "write file:///absolute/path, or just the path",
    });
  });

  it("with a checksum that is none", async () => {
    await expect(setUp().fetch("box", { checksum: "abc" })).rejects.toThrow('busybox.sha256: "abc" is not a sha256');
  });
});

describe("a remote file", () => {
  it("that is pinned is fetched once", async () => {
    const server = await httpServer({ "/box": file("content") });
    const { ctx, fetch } = setUp();
    const checksum = sha256("content").toUpperCase().replace("SHA256:", "");
    const first = await fetch(server.url("/box"), { checksum });
    expect(await fetch(server.url("/box"), { checksum })).toEqual(first);
    expect(server.requests).toHaveLength(1);
    expect(ctx.warnings).toEqual([]);
  });

  it("that was damaged in the cache is fetched again", async () => {
    const server = await httpServer({ "/box": file("content") });
    const { fetch } = setUp();
    const { path } = await fetch(server.url("/box"), { checksum: sha256("content") });
    writeFileSync(path, "damaged");
    expect((await fetch(server.url("/box"), { checksum: sha256("content") })).path).toBe(path);
    expect(server.requests).toHaveLength(2);
  });

  it("that is not pinned is fetched each time, with a warning that says what to pin", async () => {
    const server = await httpServer({ "/box": file("content") });
    const { ctx, fetch } = setUp();
    await fetch(server.url("/box?sig=s3cret"));
    await fetch(server.url("/box?sig=s3cret"));
    expect(server.requests).toHaveLength(2);
    expect(ctx.warnings[0]).toEqual({
      message: `BusyBox from ${server.url("/box")} is not pinned: whatever is there will be built in`,
      hint: `busybox.sha256 = "${sha256("content")}", or fledge lock`,
    });
  });

  it("of other content is refused and not kept", async () => {
    const server = await httpServer({ "/box": file("other") });
    const { fetch } = setUp();
    const request = fetch(server.url("/box"), { checksum: sha256("content") });
    await expect(request).rejects.toMatchObject({ code: "checksum" });
  });

  it("that is missing is a download error", async () => {
    const server = await httpServer({ "/box": status(404) });
    await expect(setUp().fetch(server.url("/box"))).rejects.toMatchObject({
      code: "download",
      message: `BusyBox could not be fetched: GET ${server.url("/box")}: 404 Not Found`,
      hint: "check the URL; take another",
    });
  });
});
