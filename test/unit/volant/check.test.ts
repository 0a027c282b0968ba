import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sha256 } from "../../../src/lib/digest.ts";
import { checkManifest, checkManifestFile, parseManifestFile } from "../../../src/volant/check.ts";
import { complete, DIGEST, minimal, patched } from "./manifests.ts";

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fledge-check-"));
  file = join(folder, "web.manifest.json");
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const save = (document: unknown) => writeFile(file, JSON.stringify(document, null, 2));

describe("checkManifest", () => {
  it("tells every problem at once", () => {
    const document = {
      ...minimal(),
      name: "",
      env: {},
      initramfs: { url: "file:///a", format: "raw" },
      workload: { type: "exec", base_url: "x", entrypoint: "a" },
    };
    expect(checkManifest(document, { file: "a.json" }).problems).toEqual([
      { file: "a.json", message: "name must not be empty" },
      { file: "a.json", message: expect.stringMatching(/^workload\.type /) },
      { file: "a.json", message: expect.stringMatching(/^workload\.base_url /) },
      { file: "a.json", message: expect.stringMatching(/^workload\.entrypoint /) },
      { file: "a.json", message: expect.stringMatching(/^initramfs\.url /) },
      { file: "a.json", message: "initramfs.format is not a key Volant knows", hint: expect.any(String) },
      { file: "a.json", message: "env is not a key Volant knows", hint: expect.any(String) },
      { file: "a.json", message: expect.stringMatching(/^the manifest has both rootfs and initramfs/) },
    ]);
  });

  it("warns of what Volant trims and drops", () => {
    const workload = { ...minimal().workload, entrypoint: ["/a", "", " x", "  "], env: { A: "b ", C: "d e" } };
    expect(checkManifest({ ...minimal(), workload }).warnings).toEqual([
      { message: 'workload.entrypoint[1] is "": Volant drops it', hint: expect.any(String) },
      { message: 'workload.entrypoint[2] is " x": Volant trims it', hint: expect.any(String) },
      { message: 'workload.entrypoint[3] is "  ": Volant drops it', hint: expect.any(String) },
      {
        message: "workload.env.A has white space at an end: Volant trims it",
        hint: "put it into a script in the guest if the program needs it",
      },
    ]);
  });

  it.each<[path: string, value: unknown, message: RegExp, hint: RegExp]>([
    ["schema_version", "1.0", /^schema_version is "1\.0": Volant does not read it$/, /"v1"/],
    ["rootfs.checksum", DIGEST.slice(7), /^rootfs\.checksum names no algorithm/, new RegExp(DIGEST)],
    ["rootfs.checksum", undefined, /^rootfs\.checksum is missing/, /sha256:/],
    ["rootfs.checksum", "", /^rootfs\.checksum is missing/, /sha256:/],
    ["disks", [{ name: "a", source: "b", checksum: DIGEST.slice(7) }], /^disks\[0\]\.checksum names no/, /sha256:/],
    ["network", { mode: "vsock" }, /^network\.mode is "vsock": .* cannot start/, /bridged/],
    ["workload.entrypoint", ["nginx", "-g"], /^workload\.entrypoint\[0\] is "nginx": on a disk .* no PATH/, /absolute/],
    ["workload.workdir", "/srv ", /^workload\.workdir is "\/srv ": Volant trims it$/, /^undefined$/],
  ])("accepts and warns of %s %j", (path, value, message, hint) => {
    const { problems, warnings } = checkManifest(patched(minimal(), path, value));
    expect(problems).toEqual([]);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]?.message).toMatch(message);
    expect(String(warnings[0]?.hint)).toMatch(hint);
  });

  it("leaves a bare name in an initramfs alone, where the init sets a PATH", () => {
    const { rootfs: _, ...document } = minimal();
    const workload = { ...minimal().workload, entrypoint: ["web"] };
    const initramfs = { url: "web.cpio.gz", checksum: DIGEST };
    expect(checkManifest({ ...document, workload, initramfs }).warnings).toEqual([]);
  });

  it("reports the budget", () => {
    const random = [..."abcdefgh"].map((letter) => sha256(letter).slice(7)).join("");
    const check = checkManifest(patched(minimal(), "labels", { big: random.repeat(1) + sha256("x") }));
    expect(check.problems).toEqual([]);
    expect(check.budget?.encodedBytes).toBeGreaterThan(500);
    const over = checkManifest(patched(complete(), "labels", { big: lotsOfDigits(2200) }), { file: "a.json" });
    expect(over.problems).toEqual([
      {
        file: "a.json",
        message: expect.stringMatching(
          /^the manifest takes \d{4} bytes of the kernel command line, and only 1800 fit: the guest cuts the rest$/,
        ),
        hint: expect.stringMatching(/^largest: labels \(\d+ bytes\), [\w.]+ \(\d+ bytes\), [\w.]+ \(\d+ bytes\)$/),
      },
    ]);
  });
});

describe("checkManifestFile", () => {
  it("shows each problem where it is written", async () => {
    await save(patched({ ...minimal(), colour: 1 }, "workload.type", "exec"));
    expect((await checkManifestFile(file)).problems).toEqual([
      { message: expect.stringMatching(/^workload\.type/), file, line: 11, column: 5 },
      { message: "colour is not a key Volant knows", file, line: 24, column: 3, hint: expect.any(String) },
    ]);
  });

  it("shows a missing key at the object that lacks it", async () => {
    await save(patched(minimal(), "workload.base_url", undefined));
    const { problems } = await checkManifestFile(file);
    expect(problems).toEqual([{ message: "workload.base_url is missing", file, line: 10, column: 3 }]);
  });

  it("says where a file is not JSON, and why one cannot be read", async () => {
    await writeFile(file, "{\n  name: 1\n}");
    await expect(checkManifestFile(file)).rejects.toMatchObject({
      code: "manifest",
      message: `${file}:2:3: not valid JSON: a key in double quotes expected, found "n"`,
    });
    await expect(parseManifestFile(join(folder, "none.json"))).rejects.toMatchObject({
      code: "io",
      message: `cannot read ${join(folder, "none.json")}: no such file or folder`,
    });
    await expect(parseManifestFile(folder)).rejects.toMatchObject({
      message: `cannot read ${folder}: it is a folder, not a file`,
    });
  });

  it("leaves the artifact alone unless asked", async () => {
    await save(minimal());
    expect(await checkManifestFile(file)).toMatchObject({ problems: [], warnings: [] });
  });

  it("accepts the artifact that belongs to it, beside it or elsewhere", async () => {
    await writeFile(join(folder, "web-rootfs.img"), "the artifact");
    await save(minimal());
    expect(await checkManifestFile(file, { artifacts: true })).toMatchObject({ problems: [], warnings: [] });
    await save(patched(minimal(), "rootfs.url", join(folder, "web-rootfs.img")));
    expect(await checkManifestFile(file, { artifacts: true })).toMatchObject({ problems: [], warnings: [] });
  });

  it("warns of an artifact that is not there", async () => {
    await save(minimal());
    expect(await checkManifestFile(file, { artifacts: true })).toMatchObject({
      problems: [],
      warnings: [
        {
          message: `rootfs.url: there is no file ${join(folder, "web-rootfs.img")}`,
          hint: "put the artifact beside the manifest before you install it",
        },
      ],
    });
  });

  it("refuses an artifact with another checksum", async () => {
    await writeFile(join(folder, "web-rootfs.img"), "damaged");
    await save(minimal());
    expect((await checkManifestFile(file, { artifacts: true })).problems).toEqual([
      {
        message: `rootfs.checksum is ${DIGEST}, but ${join(folder, "web-rootfs.img")} has ${sha256("damaged")}`,
        hint: "build again, or fetch the artifact that belongs to this manifest",
        file,
        line: 21,
        column: 5,
      },
    ]);
  });

  it("compares bare hex with the artifact", async () => {
    await writeFile(join(folder, "web-rootfs.img"), "the artifact");
    await save(patched(minimal(), "rootfs.checksum", DIGEST.slice(7).toUpperCase()));
    expect((await checkManifestFile(file, { artifacts: true })).problems).toEqual([]);
  });

  it("offers the checksum that is missing, of an initramfs too", async () => {
    await writeFile(join(folder, "web.cpio.gz"), "the artifact");
    await save({ ...minimal(), rootfs: undefined, initramfs: { url: "web.cpio.gz" } });
    expect(await checkManifestFile(file, { artifacts: true })).toMatchObject({
      problems: [],
      warnings: [
        {
          message: "initramfs.checksum is missing: Volant will not notice a damaged artifact",
          hint: `"checksum": "${DIGEST}"`,
        },
      ],
    });
  });

  it("does not fetch, and says why an artifact cannot be read", async () => {
    await save(patched(minimal(), "rootfs.url", "https://example.org/web.img"));
    expect(await checkManifestFile(file, { artifacts: true })).toMatchObject({ problems: [], warnings: [] });
    await mkdir(join(folder, "web-rootfs.img"));
    await save(minimal());
    await expect(checkManifestFile(file, { artifacts: true })).rejects.toMatchObject({
      code: "io",
      message: `cannot read ${join(folder, "web-rootfs.img")}: it is a folder, not a file`,
    });
  });
});

/** Text that does not compress below half its length. */
function lotsOfDigits(length: number): string {
  let out = "";
  for (let i = 0; out.length < length; i++) out += sha256(String(i)).slice(7);
  return out.slice(0, length);
}
