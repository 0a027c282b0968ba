import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { renderManifest } from "../../../src/volant/render.ts";
import type { Manifest } from "../../../src/volant/schema.ts";
import { sealManifest, writeManifest } from "../../../src/volant/write.ts";
import { complete, DIGEST, minimal } from "./manifests.ts";

describe("sealManifest", () => {
  it("writes the same text whatever order the keys are in", () => {
    const shuffled = {
      ...(Object.fromEntries(Object.entries(complete()).reverse()) as Manifest),
      labels: { b: "2", a: "1" },
    };
    const { text, warnings, budget } = sealManifest(shuffled);
    expect(text).toBe(sealManifest({ ...complete(), labels: { a: "1", b: "2" } }).text);
    expect(text.startsWith('{\n  "schema_version": "v1",\n  "name": "web",\n')).toBe(true);
    expect(text.endsWith("\n}\n")).toBe(true);
    expect(JSON.parse(text)).toEqual(shuffled);
    expect(warnings).toEqual([]);
    expect(budget.verdict).toBe("ok");
  });

  it("refuses what a hook made of it, with every problem", () => {
    const broken = { ...minimal(), name: "", rootfs: { url: "file:///a" } };
    expect(() => sealManifest(broken)).toThrow(
      expect.objectContaining({
        code: "manifest",
        message: "Volant would refuse the manifest: name must not be empty (and 1 more)",
        problems: [
          { message: "name must not be empty" },
          { message: expect.stringMatching(/^rootfs\.url .* write the plain path$/) },
        ],
      }),
    );
  });

  it("refuses one that does not fit the command line, naming what is large", () => {
    const labels = Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`key-${i * 7919}`, `${i * 104729}`]));
    expect(() => sealManifest({ ...minimal(), labels })).toThrow(
      expect.objectContaining({
        message: expect.stringMatching(/^Volant would refuse the manifest: the manifest takes \d+ bytes/),
        hint: expect.stringMatching(/^largest: labels \(\d+ bytes\)/),
      }),
    );
  });
});

describe("renderManifest and sealManifest", () => {
  const artifact = { kind: "rootfs", fileName: "web-rootfs.img", digest: DIGEST } as const;

  it("renders, checks and writes", () => {
    const options = { workload: { entrypoint: ["/a", " b"] } };
    const rendered = renderManifest({ name: "web", version: "1", artifact, options });
    const { text, warnings, manifest } = sealManifest(rendered.manifest);
    expect(JSON.parse(text)).toEqual(manifest);
    expect(rendered.notes).toContainEqual({ key: "workload.entrypoint", origin: "manifest.workload.entrypoint" });
    expect([...rendered.warnings, ...warnings].map(({ message }) => message)).toEqual([
      "nothing says where the workload listens: workload.base_url is a guess, http://127.0.0.1:8080",
      'workload.entrypoint[1] is " b": Volant trims it',
    ]);
  });

  it("says that nothing names a program", () => {
    expect(() => sealManifest(renderManifest({ name: "web", version: "1", artifact }).manifest)).toThrow(
      'Volant would refuse the manifest: workload.entrypoint must name a program, such as ["/usr/bin/app", "--port", "80"]',
    );
  });
});

describe("writeManifest", () => {
  it("leaves one file with the text", async () => {
    const folder = await mkdtemp(join(tmpdir(), "fledge-write-"));
    await writeManifest(join(folder, "web.manifest.json"), sealManifest(minimal()));
    expect(await readdir(folder)).toEqual(["web.manifest.json"]);
    expect(await readFile(join(folder, "web.manifest.json"), "utf8")).toBe(sealManifest(minimal()).text);
    await rm(folder, { recursive: true });
  });
});
