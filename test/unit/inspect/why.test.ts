import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { build } from "../../../src/build.ts";
import { loadPlugins } from "../../../src/config/project.ts";
import { openImage } from "../../../src/inspect/open.ts";
import { type Explanation, explainPath } from "../../../src/inspect/why.ts";
import type { ByteString } from "../../../src/lib/bytes.ts";
import { lookup } from "../../../src/rootfs/lookup.ts";
import { Origins } from "../../../src/rootfs/origin.ts";
import { RootfsTree } from "../../../src/rootfs/tree.ts";
import { writeLayout } from "../../helpers/oci-layout.ts";
import { tar } from "../../helpers/tar-writer.ts";
import { tempDir } from "../../helpers/temp.ts";

describe("a tree knows who is at it", () => {
  test("what is made or changed is of the one that was begun last", () => {
    const origins = new Origins();
    const tree = new RootfsTree(undefined, undefined, origins);
    const originAt = (path: string) => {
      const node = lookup(tree.root, path as ByteString, { followLast: false })?.node;
      return node?.origin === undefined ? undefined : origins.table[node.origin]?.label;
    };
    tree.writeFile("/before", "x");
    origins.begin({ kind: "stage", label: "one" });
    tree.writeFile("/etc/a", "a");
    tree.writeFile("/etc/b", "b");
    origins.begin({ kind: "hook", label: "two" });
    tree.mkdir("/etc");
    tree.chmod("/etc/b", 0o600);
    tree.setXattr("/before", "user.a", "x");
    tree.symlink("a", "/etc/c");
    expect(["/before", "/etc", "/etc/a", "/etc/b", "/etc/c"].map(originAt)).toEqual([
      "two",
      "one",
      "one",
      "two",
      "two",
    ]);
    origins.begin({ kind: "stage", label: "one" });
    expect(origins.table).toHaveLength(2);
  });

  test("what is removed or replaced is remembered", () => {
    const origins = new Origins();
    const tree = new RootfsTree(undefined, undefined, origins);
    origins.begin({ kind: "stage", label: "one" });
    tree.writeFile("/opt/app/data", "12345");
    tree.writeFile("/opt/note", "123");
    origins.begin({ kind: "hook", label: "two" });
    tree.rm("/opt/app");
    tree.writeFile("/opt/note", "other");
    expect(origins.gone).toEqual([
      { path: "opt/app", bytes: 5, from: 0, by: 1 },
      { path: "opt/note", bytes: 3, from: 0, by: 1 },
    ]);
  });
});

describe("why a path is there", () => {
  const dir = (name: string) => ({ name, type: "5", mode: 0o755 }) as const;

  async function plugin(folder: string) {
    mkdirSync(join(folder, "image"));
    const first = tar(dir("etc/"), { name: "etc/conf", data: "old" }, dir("doc/"), {
      name: "doc/manual",
      data: "m".repeat(1000),
    });
    const second = tar(
      { name: "etc/conf", data: "new" },
      { name: ".wh.doc", data: "" },
      { name: "bin/app", data: "program", mode: 0o755 },
    );
    writeLayout(join(folder, "image"), [first, second], ["FROM base", "RUN make install"]);
    writeFileSync(join(folder, "motd"), "program");
    const [found] = await loadPlugins({
      cwd: folder,
      config: {
        name: "web",
        strategy: "oci_rootfs",
        platform: "linux/amd64",
        source: { layout: "./image" },
        filesystem: { type: "tar" },
        mappings: { "./motd": "/etc/motd" },
        hooks: { "rootfs:ready": ({ rootfs }) => rootfs.writeFile("/etc/stamp", "hook") },
        stages: [{ name: "tidy", phase: "rootfs", run: ({ rootfs }) => void rootfs.chmod("/bin/app", 0o700) }],
      },
    });
    if (found === undefined) throw new Error("there is no plugin");
    return found;
  }

  function summary({ origin, gone, copies }: Explanation) {
    return {
      from: origin && `${origin.kind}: ${origin.label.replace(/sha256:\w+ of .*/, "DIGEST of IMAGE")}`,
      gone: gone.map(({ path, bytes, by }) => [path, bytes, by?.label.slice(0, 7)]),
      copies,
    };
  }

  test("of a plugin, and of its artifact, also after it has moved", async () => {
    const folder = tempDir();
    const cacheDir = join(folder, "cache");
    const web = await plugin(folder);
    const { artifact } = await build(web, { cacheDir });
    const moved = join(folder, "elsewhere.tar");
    copyFileSync(artifact.path, moved);
    const link = join(tempDir(), "link.tar");
    symlinkSync(artifact.path, link);
    for (const target of [web, artifact.path, moved, link]) {
      const reader = await openImage(target, { cacheDir });
      const why = async (path: string) => await explainPath(reader, path, { cacheDir });
      expect(summary(await why("/etc/conf"))).toEqual({
        from: "layer: layer 2: DIGEST of IMAGE",
        gone: [["/etc/conf", 3, "layer 2"]],
        copies: [],
      });
      expect((await why("/etc/conf")).origin?.detail).toBe("RUN make install");
      expect(summary(await why("doc/manual"))).toEqual({
        from: undefined,
        gone: [["/doc", 1000, "layer 2"]],
        copies: [],
      });
      expect(summary(await why("/etc/motd"))).toMatchObject({
        from: 'mapping: mappings["./motd"]',
        copies: ["/bin/app"],
      });
      expect(summary(await why("/bin/app")).from).toMatch(/^stage: stage "tidy" of /);
      expect(summary(await why("/etc/stamp")).from).toMatch(/^hook: hook "rootfs:ready" of /);
      expect(summary(await why("/etc")).from).toBe("layer: layer 1: DIGEST of IMAGE");
      await expect(why("/nowhere")).rejects.toThrow("/nowhere is not in");
      await reader.close();
    }
    writeFileSync(moved, tar(dir("etc/")));
    const reader = await openImage(moved, { cacheDir });
    await expect(explainPath(reader, "/etc", { cacheDir })).rejects.toThrow("nothing is known of how");
    await reader.close();
  });
});
