import { describe, expect, it } from "vitest";
import { checkManifest } from "../../../src/volant/check.ts";
import { manifestSchema } from "../../../src/volant/schema.ts";
import { complete, DIGEST, minimal, patched } from "./manifests.ts";

type Row = [path: string, value: unknown];
type Refusal = [path: string, value: unknown, message: string, hint?: string];

const ACCEPTED: Row[] = [
  ["$schema", "https://example.org/plugin-manifest-v1.json"],
  ["resources", { cpu_cores: 64, memory_mb: 1 }],
  ["workload.base_url", "http://127.0.0.1:80"],
  ["workload.base_url", "https://localhost/app"],
  ["workload.entrypoint", ["/bin/app"]],
  ["workload.env", { PORT: "80", EMPTY: "" }],
  ["workload.workdir", "/srv"],
  ["rootfs.url", "http://example.org/web.img"],
  ["rootfs.url", "https://example.org/web.img?a=1"],
  ["rootfs.url", "/var/lib/web.img"],
  ["rootfs.url", "web.img"],
  ["rootfs.url", "./out/web.img"],
  ["rootfs.checksum", DIGEST.toUpperCase().replace("SHA", "sha")],
  ["rootfs.checksum", undefined],
  ["rootfs.checksum", ""],
  ["rootfs.checksum", DIGEST.slice(7)],
  ["schema_version", "1.0"],
  ["schema_version", ""],
  ["rootfs.format", "raw"],
  ["rootfs.format", "qcow2"],
  ["rootfs.format", undefined],
  ["disks", [{ name: "data", source: "https://example.org/data.img" }]],
  ["disks", [{ name: "a", source: "b", checksum: DIGEST, format: "raw", readonly: false, target: "vdb" }]],
  ["network", { mode: "vsock" }],
  ["network", { mode: "dhcp" }],
  ["network", { mode: "bridged" }],
  ["network", { mode: "bridged", subnet: "10.1.0.0/24", auto_assign: true }],
  ["network", { mode: "bridged", subnet: "10.1.0.0/24", gateway: "10.1.0.1" }],
  ["health_check", { endpoint: "/", timeout_ms: 0 }],
  ["actions", { "re.load": { method: "POST", path: "/reload" } }],
  ["cloud_init", {}],
  ["cloud_init", { datasource: "NoCloud", seed_mode: "vfat" }],
  ["cloud_init.user_data", { inline: true, content: "x" }],
  ["cloud_init.meta_data", { path: "/x" }],
  ["cloud_init.network_config", { inline: false, path: "/x" }],
  ["cloud_init.network_config", {}],
  ["devices", { pci_passthrough: ["0000:01:00.0", "00AF:ff:1f.7"], allowlist: ["10de:*", "*:1234", "8086:12Ab"] }],
  ["labels", { "a.b/c": "" }],
  ["enabled", false],
  ["openapi", "https://example.org/openapi.json"],
  ["openapi", "/openapi.json"],
  ["image", "nginx:alpine"],
  ["image_digest", DIGEST],
];

const CHECKSUM = "must be sha256: followed by 64 hex digits, as sha256sum prints them";
const PROGRAM = "the program and its arguments belong in workload.entrypoint";
const ARGUMENTS = "arguments belong in workload.entrypoint, after the program";

const REFUSED: Refusal[] = [
  ["schema_version", undefined, "schema_version is missing"],
  ["name", undefined, "name is missing"],
  ["name", " ", "name must not be empty"],
  ["name", 5, "name must be a string, not 5"],
  ["version", undefined, "version is missing"],
  ["version", "", "version must not be empty"],
  ["runtime", undefined, "runtime is missing"],
  ["runtime", "", "runtime must not be empty"],
  ["resources", undefined, "resources is missing"],
  ["resources", [], "resources must be an object, not an array"],
  ["resources.cpu_cores", undefined, "resources.cpu_cores is missing"],
  ["resources.cpu_cores", 0, "resources.cpu_cores must be more than 0, not 0"],
  ["resources.cpu_cores", 1.5, "resources.cpu_cores must be a whole number, not 1.5"],
  ["resources.cpu_cores", "2", 'resources.cpu_cores must be a number, not "2"'],
  ["resources.memory_mb", -1, "resources.memory_mb must be more than 0, not -1"],
  ["resources.memory_mb", null, "resources.memory_mb must be a number, not null"],
  ["resources.cpus", 2, "resources.cpus is not a key Volant knows", 'did you mean "cpu_cores"?'],
  ["resources.memory", 2, "resources.memory is not a key Volant knows", 'did you mean "memory_mb"?'],
  ["resources.cpuCores", 2, "resources.cpuCores is not a key Volant knows", 'did you mean "cpu_cores"?'],
  ["workload", undefined, "workload is missing"],
  ["workload.type", undefined, "workload.type is missing"],
  ["workload.type", "exec", 'workload.type must be "http", the only workload Volant runs, not "exec"'],
  ["workload.base_url", undefined, "workload.base_url is missing"],
  ["workload.base_url", "127.0.0.1:80", "workload.base_url must be an http(s) URL such as http://127.0.0.1:80"],
  ["workload.base_url", "http://", "workload.base_url must be an http(s) URL such as http://127.0.0.1:80"],
  ["workload.base_url", "http://[", "workload.base_url must be an http(s) URL such as http://127.0.0.1:80"],
  ["workload.entrypoint", undefined, "workload.entrypoint is missing"],
  ["workload.entrypoint", [], 'workload.entrypoint must name a program, such as ["/usr/bin/app", "--port", "80"]'],
  ["workload.entrypoint", ["", "x"], "workload.entrypoint must begin with the name of a program"],
  ["workload.entrypoint", ["/a", 5], "workload.entrypoint[1] must be a string, not 5"],
  [
    "workload.entrypoint",
    "/bin/app --port  80",
    'workload.entrypoint must be an array of strings, nothing splits a string: write ["/bin/app","--port","80"]',
  ],
  ["workload.entrypoint", { a: 1 }, "workload.entrypoint must be an array, not an object"],
  ["workload.args", ["x"], "workload.args is not a key Volant knows", ARGUMENTS],
  ["workload.command", ["x"], "workload.command is not a key Volant knows", PROGRAM],
  ["workload.env", { PORT: 80 }, 'workload.env.PORT must be a string: write "80"'],
  ["workload.env", { PORT: ["80"] }, "workload.env.PORT must be a string, not an array"],
  ["workload.env", { "A=B": "" }, `workload.env["A=B"] is no name of a variable: it is empty or contains =`],
  ["workload.env", ["A=B"], "workload.env must be an object, not an array"],
  ["workload.workdir", 5, "workload.workdir must be a string, not 5"],
  ["workload.working_dir", "/", "workload.working_dir is not a key Volant knows", 'did you mean "workdir"?'],
  [
    "workload.user",
    "app",
    "workload.user is not a key Volant knows",
    "the agent runs the workload as root; switch users in the program itself",
  ],
  ["env", { A: "b" }, "env is not a key Volant knows", "environment variables belong in workload.env"],
  ["entrypoint", ["/a"], "entrypoint is not a key Volant knows", PROGRAM],
  ["args", ["/a"], "args is not a key Volant knows", ARGUMENTS],
  [
    "constructor",
    1,
    "constructor is not a key Volant knows",
    expect.stringContaining("known: schema_version") as never,
  ],
  ["rootfs", undefined, "the manifest has neither rootfs nor initramfs; a plugin boots from exactly one"],
  ["initramfs", { url: "web.cpio.gz" }, "the manifest has both rootfs and initramfs; a plugin boots from exactly one"],
  ["rootfs.url", undefined, "rootfs.url is missing"],
  ["rootfs.url", "", "rootfs.url must name the artifact: an http(s) URL or a plain path"],
  [
    "rootfs.url",
    "file:///srv/web.img",
    'rootfs.url "file:///srv/web.img": Volant accepts file:// but its launcher cannot open it; write the plain path',
  ],
  ["rootfs.url", "s3://a/b", 'rootfs.url "s3://a/b": Volant opens http://, https:// and plain paths, not s3:'],
  ["rootfs.url", "http:web.img", 'rootfs.url "http:web.img" is not a valid URL'],
  ["rootfs.checksum", DIGEST.slice(8), `rootfs.checksum ${CHECKSUM}`],
  ["rootfs.checksum", "sha256:abc", `rootfs.checksum ${CHECKSUM}`],
  ["rootfs.checksum", `sha512:${"0".repeat(128)}`, `rootfs.checksum ${CHECKSUM}`],
  [
    "rootfs.format",
    "ext4",
    'rootfs.format must be "raw" or "qcow2", not "ext4": it is the disk format, not the filesystem',
  ],
  [
    "rootfs.fstype",
    "ext4",
    "rootfs.fstype is not a key Volant knows",
    "a manifest cannot name the filesystem: the operator does, with volant.rootfs_fstype",
  ],
  ["disks", {}, "disks must be an array, not an object"],
  ["disks", [{ name: "a" }], "disks[0].source is missing"],
  ["disks", [{ source: "a" }], "disks[0].name is missing"],
  ["disks", [{ name: "a", source: " " }], "disks[0].source must not be empty"],
  ["disks", [{ name: "a", source: "b", checksum: "x" }], `disks[0].checksum ${CHECKSUM}`],
  [
    "disks",
    [{ name: "a", source: "b", format: "vhd" }],
    'disks[0].format must be "raw" or "qcow2", not "vhd": it is the disk format, not the filesystem',
  ],
  ["disks", [{ name: "a", source: "b", readonly: 1 }], "disks[0].readonly must be a boolean, not 1"],
  [
    "disks",
    [{ name: "a", source: "b", readOnly: true }],
    "disks[0].readOnly is not a key Volant knows",
    'did you mean "readonly"?',
  ],
  ["network", {}, "network.mode is missing"],
  ["network.mode", "nat", 'network.mode must be "vsock", "bridged" or "dhcp", not "nat"'],
  [
    "network",
    { mode: "bridged", subnet: "10.1.0.0/24" },
    "network of mode bridged with a subnet needs a gateway or auto_assign: true",
  ],
  [
    "network",
    { mode: "dhcp", expose: [] },
    "network.expose is not a key Volant knows",
    "a manifest has no ports: workload.base_url names the one Volant proxies to, labels can list the others",
  ],
  ["health_check", { endpoint: "/" }, "health_check.timeout_ms is missing"],
  ["health_check", { timeout_ms: 1 }, "health_check.endpoint is missing"],
  ["health_check", { endpoint: "/", timeout_ms: -1 }, "health_check.timeout_ms must be at least 0, not -1"],
  [
    "health_check",
    { endpoint: "/", timeout_ms: 1, retries: 3 },
    "health_check.retries is not a key Volant knows",
    "known: endpoint, timeout_ms",
  ],
  ["healthcheck", {}, "healthcheck is not a key Volant knows", 'did you mean "health_check"?'],
  ["actions", { go: { path: "/" } }, "actions.go.method is missing"],
  ["actions", { go: { method: "POST" } }, "actions.go.path is missing"],
  ["actions", { "a.b": { method: "", path: "/" } }, 'actions["a.b"].method must not be empty'],
  [
    "actions",
    { go: { method: "GET", path: "/", timeout_ms: 0.5 } },
    "actions.go.timeout_ms must be a whole number, not 0.5",
  ],
  [
    "actions",
    { go: { method: "GET", path: "/", timeoutMs: 5 } },
    "actions.go.timeoutMs is not a key Volant knows",
    'did you mean "timeout_ms"?',
  ],
  ["cloud_init.seed_mode", "iso9660", 'cloud_init.seed_mode must be "vfat", the only seed Volant makes, not "iso9660"'],
  ["cloud_init.user_data", { content: "x" }, "cloud_init.user_data has content, which needs inline: true"],
  [
    "cloud_init.user_data",
    { inline: false, content: "x" },
    "cloud_init.user_data has content, which needs inline: true",
  ],
  [
    "cloud_init.meta_data",
    { inline: true, path: "/x" },
    "cloud_init.meta_data has path, which needs inline: false, or no inline",
  ],
  [
    "cloud_init.network_config",
    { content: "x", path: "/x" },
    "cloud_init.network_config has both content and path; give one",
  ],
  [
    "cloud_init.user_data",
    { contents: "x" },
    "cloud_init.user_data.contents is not a key Volant knows",
    'did you mean "content"?',
  ],
  [
    "devices",
    { pci_passthrough: ["01:00.0"] },
    'devices.pci_passthrough[0] "01:00.0" is not a PCI address such as 0000:01:00.0',
  ],
  [
    "devices",
    { allowlist: ["10de:*", "nvidia"] },
    'devices.allowlist[1] "nvidia" is not a vendor:device pattern such as 10de:* or 8086:1234',
  ],
  ["labels", { a: true }, 'labels.a must be a string: write "true"'],
  ["labels", { "a b": {} }, 'labels["a b"] must be a string, not an object'],
  ["enabled", "yes", 'enabled must be a boolean, not "yes"'],
  ["openapi", "openapi.json", "openapi must be an http(s) URL or an absolute path"],
  ["image", 5, "image must be a string, not 5"],
  ["image_digest", 5, "image_digest must be a string, not 5"],
  ["imageDigest", "x", "imageDigest is not a key Volant knows", 'did you mean "image_digest"?'],
];

describe("the rules of Volant", () => {
  it("accept the least and the most", () => {
    expect(checkManifest(minimal()).problems).toEqual([]);
    expect(checkManifest(complete())).toMatchObject({ problems: [], manifest: complete() });
  });

  it("accept an initramfs, which has no format", () => {
    const initramfs = { ...minimal(), rootfs: undefined, initramfs: { url: "web.cpio.gz", checksum: DIGEST } };
    const document = JSON.parse(JSON.stringify(initramfs));
    expect(checkManifest(document).problems).toEqual([]);
    expect(checkManifest(patched(document, "initramfs.format", "raw")).problems).toEqual([
      { message: "initramfs.format is not a key Volant knows", hint: "an initramfs has no format: remove it" },
    ]);
    expect(checkManifest(patched(document, "initramfs.url", "file:///a")).problems).toEqual([
      { message: expect.stringMatching(/^initramfs\.url "file:\/\/\/a": .* write the plain path$/) },
    ]);
    expect(checkManifest(patched(document, "initramfs.checksum", "x")).problems).toEqual([
      { message: `initramfs.checksum ${CHECKSUM}` },
    ]);
  });

  it.each(ACCEPTED)("accept %s = %j", (path, value) => {
    expect(checkManifest(patched(minimal(), path, value)).problems).toEqual([]);
  });

  it.each(REFUSED)("refuse %s = %j", (path, value, message, hint) => {
    const expected = hint === undefined ? { message } : { message, hint };
    expect(checkManifest(patched(minimal(), path, value)).problems).toEqual([expected]);
  });

  it.each([
    [null, "null"],
    [[], "an array"],
    ["x", '"x"'],
    [5, "5"],
  ])("refuse %j as a manifest", (document, name) => {
    expect(checkManifest(document).problems).toEqual([{ message: `the manifest must be an object, not ${name}` }]);
  });

  it("write the keys in the order of the schema, whatever order they come in", () => {
    const reversed = Object.fromEntries(Object.entries(complete()).reverse());
    expect(Object.keys(manifestSchema.parse(reversed))).toEqual(Object.keys(manifestSchema.parse(complete())));
  });
});
