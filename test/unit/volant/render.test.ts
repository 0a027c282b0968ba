import { describe, expect, it } from "vitest";
import { checkManifest } from "../../../src/volant/check.ts";
import type { ImageFacts, ManifestInput } from "../../../src/volant/input.ts";
import type { ManifestOptions } from "../../../src/volant/options.ts";
import { renderManifest } from "../../../src/volant/render.ts";
import { DIGEST } from "./manifests.ts";

const NGINX: ImageFacts = {
  reference: "nginx:alpine",
  digest: DIGEST,
  entrypoint: ["/docker-entrypoint.sh"],
  cmd: ["nginx", "-g", "daemon off;"],
  env: { PATH: "/usr/bin:/bin", NGINX_VERSION: "1.27.0" },
  workdir: "/srv",
  exposedPorts: ["80/tcp", "443/tcp", "443/udp"],
  labels: { maintainer: "NGINX" },
};

function input(options?: ManifestOptions, more: Partial<ManifestInput> = {}): ManifestInput {
  const artifact = { kind: "rootfs", fileName: "web-rootfs.img", digest: DIGEST } as const;
  return { name: "web", version: "1.2.0", options, artifact, ...more };
}

const render = (options?: ManifestOptions, more?: Partial<ManifestInput>) => renderManifest(input(options, more));
const withImage = (options?: ManifestOptions, image: Partial<ImageFacts> = {}) =>
  render(options, { image: { ...NGINX, ...image } });
const originOf = (key: string, rendered: ReturnType<typeof render>) =>
  rendered.notes.filter((note) => note.key === key).map((note) => note.origin);

describe("renderManifest", () => {
  it("takes from the image what the config does not say", () => {
    const { manifest, warnings } = withImage();
    expect(warnings).toEqual([]);
    expect(manifest).toEqual({
      schema_version: "v1",
      name: "web",
      version: "1.2.0",
      runtime: "web",
      resources: { cpu_cores: 1, memory_mb: 256 },
      workload: {
        type: "http",
        base_url: "http://127.0.0.1:80",
        entrypoint: ["/docker-entrypoint.sh", "nginx", "-g", "daemon off;"],
        env: { NGINX_VERSION: "1.27.0", PATH: "/usr/bin:/bin" },
        workdir: "/srv",
      },
      rootfs: { url: "web-rootfs.img", checksum: DIGEST, format: "raw" },
      labels: { "volant.expose.443/tcp": "true", "volant.expose.443/udp": "true", "volant.expose.80/tcp": "true" },
      enabled: true,
      image: "nginx:alpine",
      image_digest: DIGEST,
    });
    expect(checkManifest(manifest).problems).toEqual([]);
  });

  it("lets the config override each value of the image", () => {
    const { manifest } = withImage({
      runtime: "edge",
      workload: {
        type: "http",
        baseUrl: "http://127.0.0.1:9000",
        entrypoint: ["/bin/app"],
        env: { PATH: "/bin" },
        workdir: "/app",
      },
      image: "mirror/nginx",
      imageDigest: "sha256:x",
      enabled: false,
    });
    expect(manifest).toMatchObject({
      runtime: "edge",
      workload: {
        base_url: "http://127.0.0.1:9000",
        entrypoint: ["/bin/app"],
        env: { PATH: "/bin", NGINX_VERSION: "1.27.0" },
        workdir: "/app",
      },
      image: "mirror/nginx",
      image_digest: "sha256:x",
      enabled: false,
    });
  });

  it("carries every option, in the order of the table", () => {
    const { manifest, warnings } = render({
      schemaVersion: "v1",
      resources: { cpuCores: 2, memoryMb: 512 },
      workload: { baseUrl: "http://127.0.0.1:80", entrypoint: ["/a"], workdir: "/" },
      network: { mode: "bridged", subnet: "10.1.0.0/24", gateway: "10.1.0.1", autoAssign: true },
      healthCheck: { endpoint: "/health", timeoutMs: 100 },
      actions: { z: { method: "GET", path: "/z" }, a: { description: "A", method: "POST", path: "/a", timeoutMs: 5 } },
      cloudInit: {
        datasource: "NoCloud",
        seedMode: "vfat",
        userData: { content: "#cloud-config" },
        metaData: { path: "/m" },
        networkConfig: { inline: false, path: "/n" },
      },
      devices: { pciPassthrough: ["0000:01:00.0"], allowlist: ["10de:*"] },
      disks: [{ name: "d", source: "d.img", readonly: true }],
      labels: { b: "2", a: "1" },
      openapi: "/openapi.json",
      image: "i",
      imageDigest: "d",
    });
    expect(warnings).toEqual([]);
    expect(checkManifest(manifest).problems).toEqual([]);
    expect(Object.keys(manifest)).toEqual([
      ...["schema_version", "name", "version", "runtime", "resources", "workload", "rootfs", "disks", "network"],
      ...["health_check", "actions", "cloud_init", "devices", "labels", "enabled", "openapi", "image", "image_digest"],
    ]);
    expect(manifest).toMatchObject({
      resources: { cpu_cores: 2, memory_mb: 512 },
      network: { mode: "bridged", subnet: "10.1.0.0/24", gateway: "10.1.0.1", auto_assign: true },
      health_check: { endpoint: "/health", timeout_ms: 100 },
      cloud_init: {
        datasource: "NoCloud",
        seed_mode: "vfat",
        user_data: { content: "#cloud-config", inline: true },
        meta_data: { path: "/m" },
        network_config: { inline: false, path: "/n" },
      },
      devices: { pci_passthrough: ["0000:01:00.0"], allowlist: ["10de:*"] },
      disks: [{ name: "d", source: "d.img", readonly: true }],
    });
    expect(Object.keys(manifest.actions ?? {})).toEqual(["a", "z"]);
    expect(manifest.actions?.a).toEqual({ description: "A", method: "POST", path: "/a", timeout_ms: 5 });
    expect(Object.keys(manifest.labels ?? {})).toEqual(["a", "b"]);
  });

  it("explains where each value comes from", () => {
    const rendered = withImage({ resources: { memoryMb: 512 } });
    expect(rendered.notes).toEqual([
      { key: "resources.cpu_cores", origin: "the default" },
      { key: "resources.memory_mb", origin: "manifest.resources" },
      { key: "workload.base_url", origin: "the first exposed TCP port" },
      { key: "workload.entrypoint", origin: "the image's Entrypoint and Cmd" },
      { key: "workload.env", origin: "the image's Env" },
      { key: "workload.workdir", origin: "the image's WorkingDir" },
      { key: "rootfs.url", origin: "the artifact's name, relative to the manifest" },
      { key: "image", origin: "the source's reference" },
      { key: "image_digest", origin: "the source's digest" },
      { key: "labels", origin: "the config; the image's 1 are left out to save command line" },
    ]);
  });

  it.each([
    [{}, {}, "web"],
    [{}, { runtime: "base" }, "base"],
    [{ runtime: "own" }, { runtime: "base" }, "own"],
  ])("chooses the runtime of %j and %j", (options, more, runtime) => {
    expect(render(options, more).manifest.runtime).toBe(runtime);
  });

  it("makes an initramfs without a format", () => {
    const artifact = { kind: "initramfs", fileName: "web.cpio.gz", digest: DIGEST } as const;
    const { manifest } = render({ entrypoint: ["/a"] }, { artifact });
    expect(manifest.initramfs).toEqual({ url: "web.cpio.gz", checksum: DIGEST });
    expect("rootfs" in manifest).toBe(false);
  });
});

describe("the artifact's url", () => {
  it.each([
    [undefined, "web-rootfs.img"],
    ["https://example.org/web.img", "https://example.org/web.img"],
    [(name: string) => `https://example.org/v1/${name}`, "https://example.org/v1/web-rootfs.img"],
  ])("of %s", (url, expected) => {
    expect(render(url === undefined ? {} : { url }).manifest.rootfs?.url).toBe(expected);
  });

  it("does not make a scheme of a colon in the name", () => {
    const artifact = { kind: "rootfs", fileName: "web:1.img", digest: DIGEST } as const;
    const { manifest } = render({ entrypoint: "/a" }, { artifact });
    expect(manifest.rootfs?.url).toBe("./web:1.img");
    expect(checkManifest(manifest).problems).toEqual([]);
  });

  it("says which function failed", () => {
    const hint = 'it is called with the artifact\'s file name ("web-rootfs.img") and returns its URL';
    const fail = () => {
      throw new Error("no mirror");
    };
    expect(() => render({ url: fail })).toThrow(
      expect.objectContaining({ code: "config", message: "the function manifest.url threw: no mirror", hint }),
    );
    const nothing = (() => undefined) as unknown as () => string;
    expect(() => render({ url: nothing })).toThrow(
      expect.objectContaining({
        code: "config",
        message: "the function manifest.url must return a string, not undefined",
        hint,
      }),
    );
  });
});

describe("workload.entrypoint", () => {
  const image = (entrypoint: string[], cmd: string[]) => ({ ...NGINX, entrypoint, cmd });
  const fallback = { entrypoint: ["/sbin/default"] };

  it.each<[string, ManifestOptions, Partial<ManifestInput>, string[], string[]]>([
    [
      "Entrypoint and Cmd of the image",
      {},
      { image: image(["/e"], ["c"]), defaults: fallback },
      ["/e", "c"],
      ["the image's Entrypoint and Cmd"],
    ],
    ["only Cmd", {}, { image: image([], ["/c", "d"]), defaults: fallback }, ["/c", "d"], ["the image's Cmd"]],
    ["only Entrypoint", {}, { image: image(["/e"], []) }, ["/e"], ["the image's Entrypoint"]],
    [
      "entrypoint of the config drops Cmd",
      { workload: { entrypoint: ["/x"] } },
      { image: image(["/e"], ["c"]) },
      ["/x"],
      ["manifest.workload.entrypoint; the image's Cmd is dropped, as by Docker"],
    ],
    [
      "args of the config replace Cmd",
      { workload: { args: ["z"] } },
      { image: image(["/e"], ["c"]) },
      ["/e", "z"],
      ["the image's Entrypoint and manifest.workload.args"],
    ],
    [
      "args replace a Cmd without Entrypoint",
      { args: ["/z"] },
      { image: image([], ["/c"]) },
      ["/z"],
      ["manifest.args"],
    ],
    ["empty args drop Cmd", { args: [] }, { image: image(["/e"], ["c"]) }, ["/e"], ["the image's Entrypoint"]],
    [
      "both of the config",
      { entrypoint: ["/x", "y"], args: ["z"] },
      { image: image(["/e"], ["c"]) },
      ["/x", "y", "z"],
      ["manifest.entrypoint and manifest.args"],
    ],
    ["a string is one word", { entrypoint: "/x" }, {}, ["/x"], ["manifest.entrypoint"]],
    ["the default", {}, { defaults: fallback }, ["/sbin/default"], ["the default"]],
    [
      "the default for an image that names none",
      { args: ["z"] },
      { image: image([], []), defaults: fallback },
      ["/sbin/default", "z"],
      ["the default and manifest.args"],
    ],
    ["nothing", {}, {}, [], []],
  ])("%s", (_, options, more, words, origin) => {
    const rendered = render(options, more);
    expect(rendered.manifest.workload.entrypoint).toEqual(words);
    expect(originOf("workload.entrypoint", rendered)).toEqual(origin);
  });

  it("of workload wins over the one at the top, and so do its args", () => {
    const { manifest, warnings } = render({
      entrypoint: ["/outer"],
      args: ["outer"],
      workload: { entrypoint: ["/inner"], args: ["inner"], baseUrl: "http://127.0.0.1" },
    });
    expect(manifest.workload.entrypoint).toEqual(["/inner", "inner"]);
    expect(warnings).toEqual([
      { message: "manifest.entrypoint is ignored: manifest.workload.entrypoint wins", hint: "remove one of them" },
      { message: "manifest.args is ignored: manifest.workload.args wins", hint: "remove one of them" },
    ]);
  });
});

describe("workload.env", () => {
  it("layers defaults, image, env and workload.env, and sorts the names", () => {
    const rendered = render(
      { env: { C: "env", D: "env" }, workload: { env: { D: "workload" } } },
      { image: { ...NGINX, env: { B: "image", C: "image" } }, defaults: { env: { A: "default", B: "default" } } },
    );
    expect(JSON.stringify(rendered.manifest.workload.env)).toBe('{"A":"default","B":"image","C":"env","D":"workload"}');
    expect(originOf("workload.env", rendered)).toEqual([
      "the defaults, then the image's Env, then manifest.env, then manifest.workload.env",
    ]);
  });

  it("is left out when there is none", () => {
    expect("env" in withImage({}, { env: {} }).manifest.workload).toBe(false);
  });
});

describe("ports", () => {
  const guess = {
    message: "nothing says where the workload listens: workload.base_url is a guess, http://127.0.0.1:8080",
    hint: 'manifest: { workload: { baseUrl: "http://127.0.0.1:PORT" } }',
  };

  it("of the config replace the image's; the first TCP one is proxied to, each becomes a label", () => {
    const { manifest, warnings } = withImage({
      network: { expose: [{ port: 53, protocol: "udp", name: "dns" }, { port: 9090 }] },
    });
    expect(manifest.workload.base_url).toBe("http://127.0.0.1:9090");
    expect(manifest.labels).toEqual({ "volant.expose.53/udp": "dns", "volant.expose.9090/tcp": "true" });
    expect("network" in manifest).toBe(false);
    expect(warnings).toEqual([]);
  });

  it("on the host cannot be expressed", () => {
    const { warnings } = render({ network: { expose: [{ port: 80 }, { port: 443, hostPort: 8443 }] } });
    expect(warnings).toEqual([
      {
        message: "network.expose[1]: a manifest cannot map host port 8443 to 443/tcp",
        hint: "volar vms create NAME --plugin web --expose 8443:443:tcp",
      },
    ]);
  });

  it("that make no sense are left out", () => {
    const { manifest, warnings } = withImage({}, { exposedPorts: ["80/sctp", "0/tcp", "99999", "8080", "1/UDP"] });
    expect(manifest.labels).toEqual({ "volant.expose.8080/tcp": "true", "volant.expose.1/udp": "true" });
    expect(warnings.map(({ message }) => message)).toEqual(
      ["80/sctp", "0/tcp", "99999"].map(
        (text) => `the image exposes "${text}", which is no TCP or UDP port: it is left out`,
      ),
    );
    expect(warnings[0]?.hint).toBe("name the ports in manifest.network.expose");
  });

  it("yield to the labels of the config", () => {
    const { manifest } = withImage({ labels: { "volant.expose.80/tcp": "web" } }, { exposedPorts: ["80/tcp"] });
    expect(manifest.labels).toEqual({ "volant.expose.80/tcp": "web" });
  });

  it("that are missing make the address a guess", () => {
    const rendered = withImage({}, { exposedPorts: ["53/udp"] });
    expect(rendered.manifest.workload.base_url).toBe("http://127.0.0.1:8080");
    expect(rendered.warnings).toEqual([guess]);
    expect(originOf("workload.base_url", rendered)).toEqual(["a guess"]);
  });

  it("that are missing leave the default address", () => {
    const { manifest, warnings } = render({}, { defaults: { baseUrl: "http://127.0.0.1:3000" } });
    expect(manifest.workload.base_url).toBe("http://127.0.0.1:3000");
    expect(warnings).toEqual([]);
  });
});

describe("what is filled in", () => {
  it("the mode of a network that has addresses", () => {
    const rendered = render({ network: { subnet: "10.1.0.0/24", autoAssign: true } });
    expect(rendered.manifest.network).toEqual({ mode: "bridged", subnet: "10.1.0.0/24", auto_assign: true });
    expect(originOf("network.mode", rendered)).toEqual(["the default, since it has addresses"]);
  });

  it("the timeout of a health check", () => {
    const rendered = render({ healthCheck: { endpoint: "/" } });
    expect(rendered.manifest.health_check).toEqual({ endpoint: "/", timeout_ms: 5000 });
    expect(originOf("health_check.timeout_ms", rendered)).toEqual(["the default"]);
  });
});

describe("the image's User", () => {
  it.each(["nginx", "101", "101:0", "0:101", "root:www"])("%s is not honoured", (user) => {
    expect(withImage({}, { user }).warnings).toEqual([
      {
        message: `the image's User "${user}" is not honoured: the agent runs the workload as root`,
        hint: "switch users in the entrypoint, with setpriv or su-exec, if it must not be root",
      },
    ]);
  });

  it.each(["", "0", "root", "0:0", "root:root"])("%j is root", (user) => {
    expect(withImage({}, { user }).warnings).toEqual([]);
  });
});
