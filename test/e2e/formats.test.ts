import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hashFile } from "../../src/lib/files/hash-file.ts";
import { type CliOptions, fledge } from "../helpers/cli.ts";
import { withMount } from "../helpers/disk.ts";
import { type Listed, type Listing, listFolder } from "../helpers/listing.ts";
import { project } from "../helpers/project.ts";
import { needsRealImages, nginxLayout, TAG } from "../helpers/real-images.ts";
import { needsRegistry, type Registry, startRegistry } from "../helpers/registry.ts";
import { describeWith, requireTools } from "../helpers/requirements.ts";
import { tempDir } from "../helpers/temp.ts";
import { listingDifferences, mapListing, umociUnpack, without } from "../helpers/umoci.ts";

const NOBODY = 65534;
const IMAGE_CONFIG = "/etc/fsify-entrypoint";
const TOOLS = ["umoci", "getfattr", "setpriv", "tar2sqfs", "sqfs2tar", "tar"];

/** Each of these builds the image two or three times, and reads it back. */
const TIMEOUT_MS = 300_000;

describeWith("a real image in every format", [needsRealImages(), needsRegistry(), requireTools(...TOOLS)], () => {
  const scratch = mkdtempSync(join(tmpdir(), "fledge-formats-"));
  let registry: Registry;
  let image: string;
  let expected: Listing;

  beforeAll(async () => {
    const layout = await nginxLayout();
    registry = await startRegistry();
    registry.push(`oci:${layout}:${TAG}`, "web/nginx:1");
    image = `${registry.host}/web/nginx:1`;
    expected = listFolder(await umociUnpack(layout, scratch));
  }, 1_200_000);
  afterAll(async () => {
    await registry?.stop();
    rmSync(scratch, { recursive: true, force: true });
  });

  /** Builds nginx as said, and hands back the folder that the artifacts are in. */
  async function build(filesystem: object, { flags = [], ...options }: CliOptions & { flags?: string[] } = {}) {
    const config = { name: "web", strategy: "oci_rootfs", source: { image }, filesystem };
    const cwd = options.cwd ?? tempDir();
    writeFileSync(join(cwd, "fledge.config.mjs"), `export default ${JSON.stringify(config)}`);
    chmodSync(cwd, 0o777);
    const result = await fledge(["build", "--verify", ...flags], { ...options, cwd });
    return { ...result, cwd };
  }

  const asNobody = (): CliOptions => {
    const cache = tempDir();
    chownSync(cache, NOBODY, NOBODY);
    const via = ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"];
    return { via, env: { FLEDGE_CACHE_DIR: cache, HOME: cache } };
  };

  /** Whole seconds from 1970 on. */
  const inSeconds = (listing: Listing) =>
    mapListing(listing, ({ mtime }: Listed) => ({
      mtime: `${Math.max(0, Number(BigInt(mtime.replace("ns", "")) / 1_000_000_000n))}s`,
    }));

  test(
    "a squashfs is what umoci unpacks, in whole seconds, and the same when nobody makes it",
    async () => {
      const { cwd, code, stderr } = await build({ type: "squashfs", overlaySize: "1G" });
      expect(stderr).toContain("Volant's stock kernel has no squashfs");
      expect(stderr).toMatch(/changed: \/srv\/before-1970/);
      expect(code).toBe(0);
      const image = join(cwd, "web-rootfs.img");
      const shown = await withMount(image, "ro", (folder) => without(listFolder(folder), IMAGE_CONFIG), "squashfs");
      expect(listingDifferences(inSeconds(shown), inSeconds(expected))).toEqual([]);
      expect(shown["/usr/sbin/nginx"]?.xattrs).toHaveProperty(["security.capability"]);
      const manifest = JSON.parse(readFileSync(join(cwd, "web.manifest.json"), "utf8"));
      expect(manifest).toMatchObject({
        rootfs: { url: "web-rootfs.img", format: "raw" },
        labels: { "fledge.overlay_size": "1024m" },
      });

      const other = await build({ type: "squashfs", overlaySize: "1G" }, asNobody());
      expect(other.code).toBe(0);
      expect(await hashFile(join(other.cwd, "web-rootfs.img"))).toBe(await hashFile(image));
    },
    TIMEOUT_MS,
  );

  test(
    "a folder is what umoci unpacks; the next build replaces it, and nothing that is not a build's",
    async () => {
      const { cwd, code, stderr } = await build({ type: "dir" });
      expect({ code, stderr: stderr.includes("warning") }).toEqual({ code: 0, stderr: false });
      const folder = join(cwd, "web-rootfs");
      const shown = without(listFolder(folder), IMAGE_CONFIG);
      expect(listingDifferences(shown, expected)).toEqual([]);
      writeFileSync(join(folder, "left over"), "");
      expect((await build({ type: "dir" }, { cwd })).code).toBe(0);
      expect(existsSync(join(folder, "left over"))).toBe(false);
      expect(readdirSync(cwd).sort()).toEqual([".web-rootfs.fledge", "fledge.config.mjs", "web-rootfs"]);

      const own = tempDir();
      mkdirSync(join(own, "web-rootfs"));
      writeFileSync(join(own, "web-rootfs", "thesis.txt"), "the only copy");
      const refused = await build({ type: "dir" }, { cwd: own });
      expect(refused.code).toBe(1);
      expect(refused.stderr).toContain("web-rootfs is a folder that no build of fledge has put there");
      expect(readdirSync(own).sort()).toEqual(["fledge.config.mjs", "web-rootfs"]);
      expect(readFileSync(join(own, "web-rootfs", "thesis.txt"), "utf8")).toBe("the only copy");
    },
    TIMEOUT_MS,
  );

  test(
    "without root a folder keeps what it can, and one warning says what it cannot",
    async () => {
      const { cwd, code, stderr } = await build({ type: "dir" }, asNobody());
      expect(code).toBe(0);
      expect(stderr).toMatch(
        /the folder is without the owners of \d+ files, the set-id bits of .*, extended attributes of /,
      );
      expect(stderr).toMatch(/the devices and sockets \/dev\//);
      const shown = without(listFolder(join(cwd, "web-rootfs")), IMAGE_CONFIG);
      const devices = Object.keys(expected).filter((path) => ["char", "block"].includes(expected[path]?.type ?? ""));
      const plain = (listing: Listing) =>
        mapListing(without(listing, ...devices), ({ type, mode }) => ({
          owner: "",
          xattrs: {},
          mode: type === "dir" ? mode : (Number.parseInt(mode, 8) & 0o1777).toString(8),
        }));
      expect(listingDifferences(plain(shown), plain(expected))).toEqual([]);
      expect((await build({ type: "dir" }, { ...asNobody(), cwd })).code).toBe(0);
    },
    TIMEOUT_MS,
  );

  test("a tar unpacks to what umoci unpacks", async () => {
    const { cwd, code } = await build({ type: "tar" });
    expect(code).toBe(0);
    const folder = join(tempDir(), "unpacked");
    mkdirSync(folder);
    const flags = ["--numeric-owner", "--xattrs", "--xattrs-include=*"];
    execFileSync("tar", ["-xpf", join(cwd, "web-rootfs.tar"), "-C", folder, ...flags]);
    expect(listingDifferences(without(listFolder(folder), IMAGE_CONFIG), expected)).toEqual([]);
    expect(readdirSync(cwd)).not.toContain("web.manifest.json");
  });
});

const small = (more = "") => {
  const folder = project({
    "fledge.toml": `
      [plugin]
      name = "web"
      strategy = "oci_rootfs"
      [source]
      dir = "root"
      [filesystem]
      type = "squashfs"
      compression_level = 19
      overlay_size = "512M"
      ${more}
    `,
    "manifest.toml": '[workload]\nentrypoint = ["/bin/app"]\nbase_url = "http://127.0.0.1:80"\n',
  });
  mkdirSync(join(folder, "root/bin"), { recursive: true });
  copyFileSync("/bin/busybox", join(folder, "root/bin/app"));
  return folder;
};

test("without the tools of squashfs: exit 3, what installs one, and what does without", async () => {
  const { code, stderr } = await fledge(["build"], { cwd: small(), env: { PATH: "/nowhere" } });
  expect(code).toBe(3);
  expect(stderr).toContain("tar2sqfs or mksquashfs not found; needed to write the squashfs image");
  expect(stderr).toContain("sudo apt-get install -y squashfs-tools-ng");
  expect(stderr).toContain('filesystem.type = "ext4" (needs no tool)');
});

describeWith("squashfs in fledge.toml", [requireTools("busybox", "tar2sqfs", "unsquashfs")], () => {
  test("the Go original's keys; a kernel of one's own silences the warning", async () => {
    const cwd = small('[guest]\nkernel = "custom"');
    const { code, stderr } = await fledge(["build"], { cwd });
    expect({ code, stderr: /warn|stock kernel/i.test(stderr) }).toEqual({ code: 0, stderr: false });
    const about = execFileSync("unsquashfs", ["-s", join(cwd, "web-rootfs.img")]).toString();
    expect(about).toMatch(/Compression zstd\s+compression-level 19/);
    expect(readFileSync(join(cwd, "web.manifest.json"), "utf8")).toContain('"fledge.overlay_size": "512m"');
  });

  test("an interrupted build leaves nothing", async () => {
    const cwd = small();
    const tools = tempDir();
    writeFileSync(
      join(tools, "tar2sqfs"),
      '#!/bin/sh\n[ "$1" = --version ] && echo 1.2.0 && exit\nfor out; do :; done\necho half >"$out"; kill -INT $PPID; exec sleep 1000\n',
    );
    chmodSync(join(tools, "tar2sqfs"), 0o755);
    const before = readdirSync(cwd).sort();
    const { code } = await fledge(["build", "--verbose"], { cwd, env: { PATH: `${tools}:/usr/bin:/bin` } });
    expect(code).toBe(130);
    expect(readdirSync(cwd).sort()).toEqual(before);
  });
});
