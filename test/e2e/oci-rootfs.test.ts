import { execFile, execFileSync } from "node:child_process";
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { build } from "../helpers/builds.ts";
import { withMount } from "../helpers/disk.ts";
import { fsck } from "../helpers/ext4.ts";
import { type Listing, listedContent, listFolder } from "../helpers/listing.ts";
import { needsRealImages, nginxLayout, TAG } from "../helpers/real-images.ts";
import { needsRegistry, type Registry, startRegistry } from "../helpers/registry.ts";
import { describeWith, requireTools } from "../helpers/requirements.ts";
import { tempDir } from "../helpers/temp.ts";
import { listingDifferences, mapListing, umociUnpack, without } from "../helpers/umoci.ts";

const NAME = "web/nginx:1";
const NOBODY = 65534;
const IMAGE_CONFIG = "/etc/fsify-entrypoint";
const TOOLS = ["umoci", "e2fsck", "getfattr", "skopeo", "setpriv", "unshare", "busybox", "bsdtar", "tar"];

describeWith("a real image", [needsRealImages(), needsRegistry(), requireTools(...TOOLS)], () => {
  const scratch = mkdtempSync(join(tmpdir(), "fledge-real-"));
  // Every test but those of other users and sources starts from a store that holds the layers.
  const env = { FLEDGE_CACHE_DIR: join(scratch, "cache") };
  let layout: string;
  let registry: Registry;
  let image: string;
  let rootfs: string;
  let expected: Listing;

  beforeAll(async () => {
    layout = await nginxLayout();
    registry = await startRegistry();
    registry.push(`oci:${layout}:${TAG}`, NAME);
    image = `${registry.host}/${NAME}`;
    rootfs = await umociUnpack(layout, scratch);
    expected = listFolder(rootfs);
  }, 1_200_000);
  afterAll(async () => {
    await registry?.stop();
    rmSync(scratch, { recursive: true, force: true });
  });

  const recipe = (more: object = {}) => ({ name: "nginx", strategy: "oci_rootfs", source: { image }, ...more });

  /** What the kernel shows of an image, which e2fsck has nothing to say about. */
  const mounted = (artifact: string): Promise<Listing> => {
    fsck(artifact);
    return withMount(artifact, "ro", (folder) => without(listFolder(folder), "/lost+found"));
  };

  test("has in it what makes it a hard case", () => {
    expect(expected["/usr/sbin/nginx"]?.xattrs).toHaveProperty(["security.capability"]);
    expect(expected["/srv/after-2038"]).toMatchObject({
      mtime: "2211854706123456789ns",
      xattrs: { "user.note": Buffer.from("of the layer").toString("hex") },
    });
    expect(expected["/etc/issue.net"]).toMatchObject({ mtime: "1643861106000000007ns" });
    expect(expected["/srv/before-1970"]).toMatchObject({ mtime: "-157766399500000000ns" });
    expect(expected["/srv/disk"]).toMatchObject({ type: "block", device: "259:100000" });
    expect(expected["/srv"]).toMatchObject({ mode: "1775", owner: "33:4000000000" });
    expect(expected).toHaveProperty(["/srv/latin1-\xe9"]);
    expect(expected["/srv/one"]?.links).toEqual(["/srv/one", "/srv/two"]);
    expect(expected["/usr/share/bug"]).toMatchObject({ type: "symlink", target: "nginx" });
    expect(expected["/usr/share/doc/curl"]).toMatchObject({ type: "file" });
    for (const gone of ["/etc/motd", "/usr/share/man", "/usr/share/nginx/html/index.html"]) {
      expect(expected).not.toHaveProperty([gone]);
    }
  });

  test("becomes a disk that the kernel shows as umoci unpacks it, and a manifest of what its config says", async () => {
    const toml = `
      [plugin]
      name = "nginx"
      strategy = "oci_rootfs"

      [oci_source]
      image = "${image}"
    `;
    const { artifact, manifest, stderr } = await build("nginx", toml, { env });
    const { [IMAGE_CONFIG]: config, ...shown } = await mounted(artifact);
    expect(listingDifferences(shown, expected)).toEqual([]);
    expect(config).toMatchObject({ type: "file", mode: "644", owner: "0:0", content: listedContent(imageConfig()) });
    expect(manifest).toMatchObject({
      name: "nginx",
      workload: {
        type: "http",
        base_url: "http://127.0.0.1:80",
        entrypoint: ["/usr/sbin/nginx", "-g", "daemon off;"],
        env: { GREETING: "hello" },
        workdir: "/srv",
      },
      rootfs: { url: "nginx-rootfs.img", format: "raw" },
      labels: { "volant.expose.80/tcp": "true", "volant.expose.443/udp": "true" },
      image,
      image_digest: manifestDigest(),
    });
    expect(stderr).not.toContain("warning");
  });

  test("is the base of an initramfs, of which only what cpio cannot hold is lost", async () => {
    const init = { path: "/sbin/nginx" };
    const busybox = { path: "/bin/busybox" };
    const { artifact, stderr, manifest } = await build(
      "nginx",
      {
        ...recipe({ strategy: "initramfs", init, busybox }),
        archive: { compression: "none" },
      },
      { env },
    );
    const folder = tempDir();
    await promisify(execFile)("bsdtar", ["-xpf", artifact, "-C", folder]);
    const all = Object.entries(listFolder(folder));
    const added = all.filter(([path]) => !(path in expected)).map(([path]) => path);
    const applets = all.filter(([, { target }]) => target === "/bin/busybox").map(([path]) => path);
    expect(added.filter((path) => !applets.includes(path)).sort()).toEqual(
      ["/init", "/dev/console", "/usr/bin/busybox", IMAGE_CONFIG].filter((path) => !(path in expected)).sort(),
    );
    expect(applets.filter((path) => path in expected)).toEqual([]);
    // newc has no attributes, whole seconds from 1970 on, and the archive has no entry for the root.
    const seconds = (mtime: string): number => Math.max(0, Math.floor(Number.parseInt(mtime, 10) / 1e9));
    const plain = (listing: Listing) =>
      mapListing(without(listing, ""), ({ mtime }) => ({ xattrs: {}, mtime: `${seconds(mtime)}s` }));
    const shown = Object.fromEntries(all.filter(([path]) => path in expected));
    expect(listingDifferences(plain(shown), plain(expected))).toEqual([]);
    expect(stderr).toMatch(/xattr|attributes/);
    expect(manifest.image_digest).toBe(manifestDigest());
  });

  test("gives the same disk from every source, as root and as nobody in a namespace of its own", async () => {
    const copies = tempDir();
    const forms = {
      layout: `oci:${layout}:${TAG}`,
      "OCI archive": `oci-archive:${copies}/oci.tar:${TAG}`,
      "docker archive": `docker-archive:${copies}/docker.tar:web/nginx:1`,
    };
    for (const form of [forms["OCI archive"], forms["docker archive"]]) {
      await promisify(execFile)("skopeo", ["copy", "--quiet", forms.layout, form]);
    }
    const first = await build("nginx", recipe(), { env });
    for (const [form, reference] of Object.entries(forms)) {
      const other = await build("nginx", recipe({ source: { image: reference } }));
      expect(other.digest(), form).toBe(first.digest());
      expect({ ...other.manifest, image: "", image_digest: "" }).toEqual({
        ...first.manifest,
        image: "",
        image_digest: "",
      });
      if (form !== "docker archive") expect(other.manifest.image_digest, form).toBe(first.manifest.image_digest);
    }

    const [cwd, cache] = [tempDir(), tempDir()];
    for (const folder of [cwd, cache]) chownSync(folder, NOBODY, NOBODY);
    const drop = ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"];
    const via = [...drop, "unshare", "--map-root-user", "--mount"];
    expect(() =>
      execFileSync(via[0] ?? "", [...via.slice(1), "losetup", "-f", "--show", first.artifact], { stdio: "ignore" }),
    ).toThrow();
    const unprivileged = await build("nginx", recipe(), { cwd, via, env: { FLEDGE_CACHE_DIR: cache, HOME: cwd } });
    expect(unprivileged.digest()).toBe(first.digest());
    expect(unprivileged.manifest).toEqual(first.manifest);
  });

  test("goes into a disk from a tarball and from a folder, too", async () => {
    const file = join(tempDir(), "rootfs.tar.gz");
    const flags = ["--format=posix", "--xattrs", "--xattrs-include=*", "--numeric-owner", "--sort=name"];
    await promisify(execFile)("tar", ["-C", rootfs, ...flags, "-czf", file, "."]);
    const manifest = { workload: { entrypoint: ["/usr/sbin/nginx"], baseUrl: "http://127.0.0.1:80" } };
    const fromTar = await build("nginx", recipe({ source: { tar: file }, manifest }), { env });
    expect(listingDifferences(await mounted(fromTar.artifact), expected)).toEqual([]);
    expect(fromTar.manifest).not.toHaveProperty("image_digest");

    const fromDir = await build("nginx", recipe({ source: { dir: rootfs }, manifest }), { env });
    const own = mapListing(expected, () => ({ owner: "0:0", mtime: "0ns", xattrs: {} }));
    expect(listingDifferences(await mounted(fromDir.artifact), own)).toEqual([]);
  });

  test("takes the agent in through the image's /bin, which is a symlink", async () => {
    const agent = join(tempDir(), "kestrel");
    writeFileSync(agent, readFileSync("/bin/busybox"));
    chmodSync(agent, 0o700);
    const { artifact } = await build("nginx", recipe({ agent: { path: agent } }), { env });
    const shown = await mounted(artifact);
    expect(shown["/bin"]).toMatchObject({ type: "symlink", target: "usr/bin" });
    expect(shown["/usr/bin/kestrel"]).toMatchObject({
      type: "file",
      mode: "755",
      owner: "0:0",
      content: listedContent(readFileSync(agent)),
    });
    expect(listingDifferences(without(shown, "/usr/bin/kestrel", IMAGE_CONFIG), expected)).toEqual([]);
  });

  function imageConfig(): Buffer {
    return Buffer.from(execFileSync("skopeo", ["inspect", "--config", "--raw", `oci:${layout}:${TAG}`]));
  }

  function manifestDigest(): string {
    const { manifests } = JSON.parse(readFileSync(join(layout, "index.json"), "utf8")) as {
      manifests: readonly { digest: string }[];
    };
    return manifests[0]?.digest ?? "";
  }
});
