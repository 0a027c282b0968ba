import { describe, expect, it } from "vitest";
import { z } from "zod";
import { type ManifestOptions, manifestOptions } from "../../../src/volant/options.ts";

const messages = (value: unknown) =>
  (manifestOptions.safeParse(value).error?.issues ?? []).map((issue) => `${issue.path.join(".")}: ${issue.message}`);

const EVERYTHING: ManifestOptions = {
  schemaVersion: "v1",
  runtime: "web",
  resources: { cpuCores: 2, memoryMb: 512 },
  workload: {
    type: "http",
    baseUrl: "http://127.0.0.1:80",
    entrypoint: ["/a", "b c"],
    args: ["d"],
    env: { A: "b" },
    workdir: "/",
  },
  entrypoint: "/usr/bin/app",
  args: ["x"],
  env: { A: "b" },
  network: {
    mode: "bridged",
    subnet: "10.1.0.0/24",
    gateway: "10.1.0.1",
    autoAssign: true,
    expose: [{ port: 80, protocol: "tcp", hostPort: 8080, name: "http" }],
  },
  healthCheck: { endpoint: "/", timeoutMs: 0 },
  actions: { go: { description: "", method: "POST", path: "/", timeoutMs: 1 } },
  cloudInit: {
    datasource: "NoCloud",
    seedMode: "vfat",
    userData: { inline: true, content: "" },
    metaData: { path: "/m" },
    networkConfig: {},
  },
  devices: { pciPassthrough: ["0000:01:00.0"], allowlist: ["10de:*"] },
  disks: [
    { name: "d", source: "d.img", checksum: `sha256:${"0".repeat(64)}`, format: "raw", readonly: true, target: "vdb" },
  ],
  labels: { a: "b" },
  enabled: true,
  openapi: "/openapi.json",
  image: "nginx",
  imageDigest: "sha256:x",
  url: (fileName) => fileName,
};

describe("manifestOptions", () => {
  it("accepts nothing and everything, unchanged", () => {
    expect(manifestOptions.parse({})).toEqual({});
    expect(manifestOptions.parse(EVERYTHING)).toEqual(EVERYTHING);
    expect(manifestOptions.parse({ url: "https://example.org/web.img" })).toBeTruthy();
  });

  it("knows a key for everything above, and no other", () => {
    expect(Object.keys(manifestOptions.shape).sort()).toEqual(Object.keys(EVERYTHING).sort());
  });

  it.each<[unknown, string]>([
    [{ schemaVersion: "1.0" }, 'schemaVersion: must be "v1", the only version Volant reads, not "1.0"'],
    [{ runtime: " " }, "runtime: must not be empty"],
    [{ workload: { type: "exec" } }, 'workload.type: must be "http", the only workload Volant runs, not "exec"'],
    [{ workload: { baseUrl: ":80" } }, "workload.baseUrl: must be an http(s) URL such as http://127.0.0.1:80"],
    [{ workload: { entrypoint: [] } }, "workload.entrypoint: must name a program"],
    [{ entrypoint: "app --x" }, 'entrypoint: nothing splits it into words: write the array ["app","--x"]'],
    [{ entrypoint: 5 }, 'entrypoint: must be an array of strings, such as ["/usr/bin/app", "--port", "80"]'],
    [{ env: { PORT: 80 } }, 'env.PORT: must be a string: write "80"'],
    [{ workload: { env: { DEBUG: true } } }, 'workload.env.DEBUG: must be a string: write "true"'],
    [{ labels: { a: 1 } }, 'labels.a: must be a string: write "1"'],
    [
      { cloudInit: { seedMode: "iso9660" } },
      'cloudInit.seedMode: must be "vfat", the only seed Volant makes, not "iso9660"',
    ],
    [
      { disks: [{ name: "a", source: "b", format: "ext4" }] },
      'disks.0.format: must be "raw" or "qcow2", not "ext4": it is the disk format, not the filesystem',
    ],
    [
      { disks: [{ name: "a", source: "b", checksum: "x" }] },
      "disks.0.checksum: must be sha256: followed by 64 hex digits, as sha256sum prints them",
    ],
    [
      { devices: { pciPassthrough: ["1:0"] } },
      'devices.pciPassthrough.0: "1:0" is not a PCI address such as 0000:01:00.0',
    ],
    [
      { devices: { allowlist: ["x"] } },
      'devices.allowlist.0: "x" is not a vendor:device pattern such as 10de:* or 8086:1234',
    ],
    [{ openapi: "openapi.json" }, "openapi: must be an http(s) URL or an absolute path"],
    [
      { url: "file:///a" },
      'url: "file:///a": Volant accepts file:// but its launcher cannot open it; write the plain path',
    ],
    [{ url: 5 }, "url: must be a string or a function of the artifact's file name"],
  ])("refuses %j", (value, message) => {
    expect(messages(value)).toEqual([message]);
  });

  it.each([
    { resources: { cpuCores: 0 } },
    { resources: { memoryMb: 1.5 } },
    { network: { mode: "nat" } },
    { network: { expose: [{ port: 0 }] } },
    { network: { expose: [{ port: 80, protocol: "sctp" }] } },
    { healthCheck: { endpoint: "/", timeoutMs: -1 } },
    { actions: { go: { path: "/" } } },
    { cpus: 2 },
  ])("refuses %j too", (value) => {
    expect(messages(value)).toHaveLength(1);
  });

  it("describes every field, for the help, the tables and the JSON Schema", () => {
    const undescribed: string[] = [];
    const visit = (schema: z.core.$ZodType, path: string): void => {
      const bare = schema instanceof z.ZodOptional ? schema.unwrap() : schema;
      if (bare instanceof z.ZodArray) visit(bare.element, `${path}[]`);
      if (bare instanceof z.ZodRecord) visit(bare.valueType, `${path}.*`);
      if (!(bare instanceof z.ZodObject)) return;
      for (const [key, field] of Object.entries(bare.shape as Record<string, z.ZodType>)) {
        if (!field.description) undescribed.push(`${path}.${key}`);
        visit(field, `${path}.${key}`);
      }
    };
    visit(manifestOptions, "manifest");
    expect(undescribed).toEqual([]);
  });
});
