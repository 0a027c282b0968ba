import { execFileSync } from "node:child_process";
import {
  chmodSync,
  linkSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { openSource } from "../../src/sources/index.ts";
import { makeImage, makeIndex, sampleLayers, writeImages } from "../helpers/images.ts";
import { pull, pullContext } from "../helpers/pull.ts";
import { describeWith, requireRoot, requireTools } from "../helpers/requirements.ts";
import { END, member, tar } from "../helpers/tar-writer.ts";
import { tempDir } from "../helpers/temp.ts";

const amd64 = { platform: "linux/amd64" };
const image = makeImage({ layers: sampleLayers(), config: { Cmd: ["/bin/tool"] } });

function layout(...images: Parameters<typeof writeImages>[1]): string {
  const folder = tempDir();
  writeImages(folder, images);
  return folder;
}

/** The files of a folder as the tar of an image; deterministic enough for tests. */
function archive(folder: string): string {
  const file = join(tempDir(), "image.tar");
  execFileSync("tar", ["-C", folder, "-cf", file, "."]);
  return file;
}

describe("an OCI layout", () => {
  it("is read with a tag, and without where there is one image", async () => {
    const folder = layout({ tag: "v1", image });
    const tagged = await pull(openSource({ layout: folder, tag: "v1", ...amd64 }));
    expect(tagged.pin).toEqual({ reference: folder, digest: image.descriptor.digest });
    expect(tagged.config?.cmd).toEqual(["/bin/tool"]);
    const plain = await pull(openSource({ image: `oci:${folder}`, ...amd64 }));
    expect(plain.listing).toEqual(tagged.listing);
  });

  it("takes the platform out of an index, and out of entries that are one image", async () => {
    const arm = makeImage({ layers: sampleLayers("of arm64"), architecture: "arm64" });
    for (const folder of [layout({ tag: "v1", image: makeIndex([image, arm]) }), layout({ image }, { image: arm })]) {
      const { pin } = await pull(openSource({ layout: folder, platform: "arm64" }));
      expect(pin.digest).toBe(arm.descriptor.digest);
    }
  });

  it("fetches what was pinned, whatever the tag says later", async () => {
    const folder = layout({ tag: "v1", image });
    const pin = await openSource({ layout: folder, ...amd64 }).pin(pullContext());
    writeImages(folder, [{ tag: "v1", image: makeImage({ layers: sampleLayers("changed") }) }]);
    const source = openSource({ layout: folder, ...amd64 });
    expect((await source.image?.(pin, pullContext()))?.cmd).toEqual(["/bin/tool"]);
  });

  it("says which tags there are, and what is missing", async () => {
    const other = makeImage({ layers: sampleLayers("other") });
    const folder = layout({ tag: "v1", image }, { tag: "v2", image: other });
    await expect(pull(openSource({ layout: folder }))).rejects.toMatchObject({
      hint: "say which by its tag: v1 (linux/amd64), v2 (linux/amd64)",
    });
    await expect(pull(openSource({ layout: folder, tag: "v3" }))).rejects.toThrow('no image with the tag "v3"');
    await expect(pull(openSource({ layout: tempDir() }))).rejects.toThrow("is not an OCI image layout");
    await expect(pull(openSource({ layout: "/nonexistent" }))).rejects.toThrow("no such file or folder");
  });

  it("notices damaged manifests, configs and layers, and keeps nothing of them", async () => {
    const [layer] = image.layers;
    for (const { digest } of [image.descriptor, image.config, layer ?? image.config]) {
      const folder = layout({ image });
      const path = join(folder, "blobs/sha256", digest.slice(7));
      const bytes = readFileSync(path);
      bytes[bytes.length - 9] = (bytes[bytes.length - 9] ?? 0) ^ 1;
      writeFileSync(path, bytes);
      const ctx = pullContext();
      await expect(pull(openSource({ layout: folder, ...amd64 }), ctx)).rejects.toMatchObject({
        code: "checksum",
        message: expect.stringContaining(digest),
      });
      truncateSync(path, 5);
      await expect(pull(openSource({ layout: folder, ...amd64 }), ctx)).rejects.toMatchObject({ code: "checksum" });
      writeFileSync(path, image.blobs.get(digest) ?? "");
      await pull(openSource({ layout: folder, ...amd64 }), ctx);
    }
  });

  it("refuses a layer that is not what the config says", async () => {
    const [lower = "", upper = ""] = makeImage({ layers: sampleLayers() }).diffIds;
    const folder = layout({ image: makeImage({ layers: sampleLayers(), diffIds: [upper as never, lower as never] }) });
    await expect(pull(openSource({ layout: folder, ...amd64 }))).rejects.toThrow(/unpacks to the digest .*diff_id/);
  });
});

describeWith("layers", [requireTools("zstd")], () => {
  const zstd = (bytes: Buffer): Buffer => execFileSync("zstd", ["-q", "-c"], { input: bytes });

  it("are the same however they are packed, and with Docker's media types", async () => {
    const half = (bytes: Buffer): Buffer[] => [bytes.subarray(0, 1000), bytes.subarray(1000)];
    const packers = {
      plain: (bytes: Buffer) => bytes,
      "two gzip members": (bytes: Buffer) => Buffer.concat(half(bytes).map((part) => gzipSync(part))),
      zstd,
      "two zstd frames": (bytes: Buffer) => Buffer.concat(half(bytes).map(zstd)),
    };
    const expected = await pull(openSource({ layout: layout({ image }), ...amd64 }));
    for (const [name, compress] of Object.entries(packers)) {
      const packed = makeImage({ layers: sampleLayers(), compress, docker: true });
      const found = await pull(openSource({ layout: layout({ image: packed }), ...amd64 }));
      expect(found.listing, name).toEqual(expected.listing);
    }
  });
});

describeWith("the same image in every form", [requireTools("skopeo", "tar")], () => {
  const copy = (from: string, to: string): void => {
    execFileSync("skopeo", ["copy", "--quiet", from, to]);
  };

  it("gives the same tree", async () => {
    const folder = layout({ tag: "v1", image });
    const out = tempDir();
    copy(`oci:${folder}:v1`, `oci-archive:${out}/oci.tar:v1`);
    copy(`oci:${folder}:v1`, `docker-archive:${out}/docker.tar:team/app:v1`);
    writeFileSync(join(out, "docker.tar.gz"), gzipSync(readFileSync(join(out, "docker.tar"))));
    const expected = await pull(openSource({ layout: folder, ...amd64 }));
    for (const options of [
      { image: `oci-archive:${out}/oci.tar:v1` },
      { archive: join(out, "oci.tar") },
      { archive: archive(folder) },
      { image: `docker-archive:${out}/docker.tar` },
      { image: `docker-archive:${out}/docker.tar:team/app:v1` },
      { archive: join(out, "docker.tar") },
      { archive: join(out, "docker.tar.gz") },
    ]) {
      const found = await pull(openSource({ ...options, ...amd64 }));
      expect(found.listing, JSON.stringify(options)).toEqual(expected.listing);
      expect(found.config?.cmd).toEqual(["/bin/tool"]);
    }
    const wrong = openSource({ image: `docker-archive:${out}/docker.tar:absent` });
    await expect(pull(wrong)).rejects.toMatchObject({ hint: expect.stringContaining("team/app:v1") });
  });
});

describe("a docker archive", () => {
  const [lower = END, upper = END] = sampleLayers();
  const config = image.blobs.get(image.config.digest) ?? END;
  const hex = image.config.digest.slice(7);
  const forms = {
    "of old versions of Docker": [
      member({ name: `${hex}.json`, data: config }),
      member({ name: "aa/layer.tar", data: lower }),
      member({ name: "bb/layer.tar", data: upper }),
      member({
        name: "manifest.json",
        data: JSON.stringify([{ Config: `${hex}.json`, RepoTags: null, Layers: ["aa/layer.tar", "bb/layer.tar"] }]),
      }),
    ],
    "with linked layers": [
      member({ name: "real.tar", data: lower }),
      member({ name: "aa/layer.tar", type: "2", linkname: "../real.tar" }),
      member({ name: "./bb/layer.tar", data: upper }),
      member({ name: "cc/layer.tar", type: "1", linkname: "bb/layer.tar" }),
      member({ name: `blobs/sha256/${hex}`, data: config }),
      member({
        name: "manifest.json",
        data: JSON.stringify([{ Config: `blobs/sha256/${hex}`, Layers: ["aa/layer.tar", "cc/layer.tar"] }]),
      }),
    ],
  };

  it.each(Object.entries(forms))("%s is read", async (_, members) => {
    const file = join(tempDir(), "image.tar");
    writeFileSync(file, tar(...members));
    const { pin, listing } = await pull(openSource({ archive: file, ...amd64 }));
    expect(pin.digest).toBe(image.config.digest);
    expect(listing["/etc/a"]?.content).toContain("5 bytes");
    expect(listing["/etc/gone"]).toBeUndefined();
  });

  it("is told from a root filesystem", async () => {
    const file = join(tempDir(), "rootfs.tar");
    writeFileSync(file, lower);
    await expect(pull(openSource({ archive: file }))).rejects.toMatchObject({
      hint: expect.stringContaining("source.tar"),
    });
  });

  it("is refused when it is cut short or its config is another", async () => {
    const file = join(tempDir(), "image.tar");
    writeFileSync(file, tar(...forms["of old versions of Docker"]).subarray(0, 3000));
    await expect(pull(openSource({ archive: file }))).rejects.toMatchObject({ code: "source" });
    writeFileSync(
      file,
      tar(member({ name: `${hex}.json`, data: "{}" }), ...forms["of old versions of Docker"].slice(1)),
    );
    await expect(pull(openSource({ archive: file }))).rejects.toMatchObject({ code: "checksum" });
  });
});

describeWith("a root filesystem in a tar", [requireTools("gzip", "zstd", "xz")], () => {
  it("is the same however it is compressed, and unpacked once", async () => {
    const folder = tempDir();
    const file = join(folder, "rootfs.tar");
    writeFileSync(file, sampleLayers()[0] ?? END);
    for (const tool of ["gzip", "zstd", "xz"]) execFileSync(tool, ["-q", "-k", file]);
    const ctx = pullContext();
    const expected = await pull(openSource({ tar: file }), ctx);
    expect(expected.listing["/bin/tool"]).toMatchObject({ mode: "4755", owner: "7:8" });
    for (const suffix of [".gz", ".zst", ".xz"]) {
      const source = openSource({ tar: `rootfs.tar${suffix}` }, { cwd: folder });
      const found = await pull(source, ctx);
      expect(found.listing).toEqual(expected.listing);
      expect(found.pin.reference).toBe(`rootfs.tar${suffix}`);
      expect(found.config).toBeUndefined();
    }
  });

  it("is refused when it changed since it was pinned, is damaged or is not there", async () => {
    const file = join(tempDir(), "rootfs.tar.gz");
    writeFileSync(file, gzipSync(sampleLayers()[0] ?? END));
    const ctx = pullContext();
    const source = openSource({ tar: file });
    const pin = await source.pin(ctx);
    writeFileSync(file, gzipSync(sampleLayers()[1] ?? END));
    await expect(source.layers(pin, ctx)[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: "checksum" });
    truncateSync(file, 40);
    await expect(pull(openSource({ tar: file }))).rejects.toMatchObject({ code: "source" });
    await expect(pull(openSource({ tar: "/nonexistent.tar" }))).rejects.toMatchObject({ code: "io" });
  });
});

describeWith("a folder", [requireRoot()], () => {
  it("keeps modes and links; owners are root's and times the build's", async () => {
    const folder = tempDir();
    mkdirSync(join(folder, "tmp"));
    chmodSync(join(folder, "tmp"), 0o1777);
    writeFileSync(join(folder, "tool"), "#!/bin/sh\n");
    chmodSync(join(folder, "tool"), 0o4755);
    execFileSync("chown", ["7:8", join(folder, "tool")]);
    chmodSync(join(folder, "tool"), 0o4755);
    linkSync(join(folder, "tool"), join(folder, "zz"));
    symlinkSync("/etc/passwd", join(folder, "link"));
    execFileSync("mknod", [join(folder, "null"), "c", "1", "3"]);
    execFileSync("mknod", [join(folder, "big"), "b", "259", "300000"]);
    execFileSync("mkfifo", [join(folder, "pipe")]);
    utimesSync(join(folder, "tool"), 12345, 12345);
    const { pin, listing } = await pull(openSource({ dir: folder }));
    expect(pin).toEqual({ reference: folder });
    const own = { owner: "0:0", mtime: "0ns", xattrs: {} };
    expect(listing["/tmp"]).toEqual({ ...own, type: "dir", mode: "1777" });
    expect(listing["/tool"]).toMatchObject({ ...own, mode: "4755", links: ["/tool", "/zz"] });
    expect(listing["/link"]).toMatchObject({ ...own, type: "symlink", target: "/etc/passwd" });
    expect(listing["/null"]).toMatchObject({ type: "char", device: "1:3" });
    expect(listing["/big"]).toMatchObject({ type: "block", device: "259:300000" });
    expect(listing["/pipe"]).toMatchObject({ type: "fifo" });
  });

  it("must be there, and be a folder", async () => {
    const file = join(tempDir(), "file");
    writeFileSync(file, "");
    await expect(pull(openSource({ dir: "/nonexistent" }))).rejects.toThrow("no such file or folder");
    await expect(pull(openSource({ dir: file }))).rejects.toThrow("not a folder");
  });
});
