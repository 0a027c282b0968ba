import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { CustomSource } from "../../../../src/contract/source.ts";
import { FledgeError } from "../../../../src/lib/errors.ts";
import { runProgram } from "../../../../src/lib/process/program.ts";
import { customSource } from "../../../../src/sources/custom/index.ts";
import { imageConfig, layerFromTar } from "../../../../src/sources/custom/layer.ts";
import { pull, pullContext } from "../../../helpers/pull.ts";
import { tempDir } from "../../../helpers/temp.ts";

/** A folder that a real tar packs, and what it is packed into. */
function folder(): string {
  const path = tempDir();
  mkdirSync(join(path, "etc"));
  writeFileSync(join(path, "etc/hostname"), "guest\n", { mode: 0o640 });
  return path;
}

const pin = async () => ({ reference: "packed" });

const source = (more: Partial<CustomSource>): CustomSource => ({ name: "mine", pin, async *layers() {}, ...more });

const TAR_ARGS = ["--owner=7", "--group=8", "--mtime=@5", "-c", "."];

describe("a custom source", () => {
  it("streams the tar of a program into the tree", async () => {
    const cwd = folder();
    const config = { architecture: "amd64", config: { Cmd: ["/bin/app"], ExposedPorts: { "80/tcp": {} } } };
    const own = source({
      async *layers(_, ctx) {
        yield await layerFromTar(runProgram("tar", TAR_ARGS, { ...ctx, cwd }), ctx);
      },
      image: async () => imageConfig(config),
    });
    const pulled = await pull(customSource(own));
    expect(pulled.pin).toEqual({ reference: "packed" });
    expect(pulled.listing["/etc/hostname"]).toMatchObject({ mode: "640", owner: "7:8", mtime: "5000000000ns" });
    expect(pulled.config).toMatchObject({ os: "linux", cmd: ["/bin/app"], exposedPorts: ["80/tcp"] });
    expect(JSON.parse(Buffer.from(pulled.config?.raw ?? []).toString())).toEqual({ os: "linux", ...config });
  });

  it("takes a file, compressed or not, and a stream whose digest the store knows", async () => {
    const cwd = folder();
    const file = join(tempDir(), "root.tar.gz");
    execFileSync("tar", [...TAR_ARGS, "-z", "-f", file], { cwd });
    const ctx = pullContext();
    const byFile = source({
      async *layers(_, own) {
        yield await layerFromTar(file, own);
      },
    });
    const { listing } = await pull(customSource(byFile), ctx);
    expect(listing["/etc/hostname"]?.owner).toBe("7:8");
    const digest = `sha256:${createHash("sha256").update(readFileSync(file)).digest("hex")}` as const;
    let opened = 0;
    async function* stream() {
      opened += 1;
      yield readFileSync(file);
    }
    const byStream = source({
      async *layers(_, own) {
        yield await layerFromTar(stream(), own, { digest });
      },
    });
    expect((await pull(customSource(byStream), ctx)).listing).toEqual(listing);
    expect(opened).toBe(0);
    await expect(layerFromTar(stream(), ctx, { digest: `sha256:${"0".repeat(64)}` })).rejects.toMatchObject({
      code: "checksum",
    });
  });

  it("is named by what goes wrong in it", async () => {
    const failing = (more: Partial<CustomSource>) => pull(customSource(source(more)));
    const oh = async (): Promise<never> => {
      throw new FledgeError("download", "no route", { hint: "plug it in" });
    };
    await expect(failing({ pin: oh })).rejects.toMatchObject({
      code: "download",
      message: 'the source "mine" failed: no route',
      hint: "plug it in",
    });
    await expect(
      failing({
        async *layers(_, ctx) {
          yield await layerFromTar(runProgram("sh", ["-c", "echo half; echo 'no mirror' >&2; exit 3"], ctx), ctx);
        },
      }),
    ).rejects.toMatchObject({
      code: "source",
      message: expect.stringMatching(/^the source "mine" failed: .*sh -c .* failed: no mirror$/),
    });
    await expect(
      failing({
        async *layers(_, ctx) {
          yield await layerFromTar(runProgram("no-such-program", [], ctx), ctx);
        },
      }),
    ).rejects.toMatchObject({ code: "tool", message: expect.stringContaining("no-such-program not found on PATH") });
    await expect(failing({ layers: () => undefined as never })).rejects.toThrow('the source "mine" failed: ');
  });

  it.each<[Partial<CustomSource>, string]>([
    [{ pin: async () => "x" as never }, "pin() did not return a pin"],
    [{ pin: async () => ({ reference: "x", digest: "sha256:1" }) }, '"sha256:1" is not a digest'],
    [
      {
        async *layers() {
          yield { label: "x" } as never;
        },
      },
      "layers() yielded what is not a layer",
    ],
    [{ image: async () => ({ Cmd: [] }) as never }, "image() did not return an image config"],
  ])("must keep its contract: %j", async (more, message) => {
    await expect(pull(customSource(source(more)))).rejects.toMatchObject({
      code: "source",
      message: `the source "mine" failed: ${message}`,
      hint: expect.any(String),
    });
  });

  it("does not keep an abort waiting, and closes what is read to its end or not", async () => {
    const abort = new AbortController();
    const ctx = { ...pullContext(), signal: abort.signal };
    const endless = customSource(
      source({
        async *layers() {
          setTimeout(() => abort.abort(), 10);
          await new Promise(() => {});
        },
      }),
    );
    const reading = endless.layers({ reference: "x" }, ctx)[Symbol.asyncIterator]().next();
    await expect(reading).rejects.toMatchObject({ code: "aborted" });

    let isClosed = false;
    const two = customSource(
      source({
        async *layers() {
          try {
            yield { label: "a", entries: () => [] };
            yield { label: "b", entries: () => [] };
          } finally {
            isClosed = true;
          }
        },
      }),
    );
    for await (const layer of two.layers({ reference: "x" }, pullContext())) {
      expect(layer.label).toBe("a");
      break;
    }
    expect(isClosed).toBe(true);
  });

  it("says whose its requirements are", () => {
    const needs = customSource(
      source({
        requirements: () => [
          { kind: "tool", anyOf: [{ name: "mmdebstrap", reason: "make the root", package: "mmdebstrap" }] },
          { kind: "root", reason: "mount" },
        ],
      }),
    );
    expect(needs.requirements?.()).toEqual([
      {
        kind: "tool",
        anyOf: [{ name: "mmdebstrap", reason: 'make the root (the source "mine")', package: "mmdebstrap" }],
      },
      { kind: "root", reason: 'mount (the source "mine")' },
    ]);
  });
});
