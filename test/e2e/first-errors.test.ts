import { afterAll, beforeAll, expect, test } from "vitest";
import { type CliResult, fledge } from "../helpers/cli.ts";
import { busyboxLayout } from "../helpers/engine-store.ts";
import { project } from "../helpers/project.ts";
import { needsRegistry, type Registry, startRegistry } from "../helpers/registry.ts";
import { describeWith, requireTools } from "../helpers/requirements.ts";

type Row = {
  readonly files?: Record<string, string>;
  readonly args?: readonly string[];
  readonly env?: Record<string, string>;
  readonly code: 1 | 2 | 3;
  /** What failed, why, and what to do next: words of the output, in their order. */
  readonly says: readonly string[];
};

/** What a newcomer's first command says; no error needs a stack to be understood. */
async function expectWords({ files = {}, args = ["build"], env = {}, code, says }: Row): Promise<CliResult> {
  const result = await fledge(args, { cwd: project(files), env });
  let rest = result.stderr;
  for (const words of says) {
    expect(rest).toContain(words);
    rest = rest.slice(rest.indexOf(words) + words.length);
  }
  expect(result.stderr).not.toMatch(/^\s+at .*:\d+:\d+/m);
  expect(result.code, result.stderr).toBe(code);
  return result;
}

/** The config of an initramfs that builds, with more in it. */
function config(more: string, name = "fledge.config.ts"): Record<string, string> {
  const text = `import { definePlugin } from "@volantvm/fledge";
export default definePlugin({
  name: "web",
  strategy: "initramfs",
  busybox: { path: "/bin/busybox" },
  manifest: { workload: { baseUrl: "http://127.0.0.1:80", entrypoint: "/bin/httpd" } },
  ${more}
});
`;
  return { [name]: text };
}

const disk = (more: string): Record<string, string> => ({
  "fledge.config.mjs": `export default { name: "web", strategy: "oci_rootfs", ${more} };`,
});

const TOML = 'version = "1"\nstrategy = "initramfs"\n';

/** Nobody listens there. */
const CLOSED = "http://127.0.0.1:1";

test.each<[string, Row]>([
  [
    "a misspelt key in TypeScript",
    {
      files: config('mapings: { "./a": "/a" },'),
      code: 2,
      says: ["fledge.config.ts", "mapings: unknown key", 'did you mean "mappings"?'],
    },
  ],
  [
    "a misspelt key in TOML",
    {
      files: { "fledge.toml": `${TOML}[agent]\nsource_strateg = "release"\n` },
      code: 2,
      says: ["fledge.toml:4:1", "agent.source_strateg: unknown key", 'did you mean "source_strategy"?'],
    },
  ],
  [
    "a misspelt hook",
    {
      files: config('hooks: { "rootfs:redy": () => {} },'),
      code: 2,
      says: ["hooks.rootfs:redy: unknown hook", 'did you mean "rootfs:ready"?'],
    },
  ],
  [
    "an option of the other strategy",
    {
      files: config('filesystem: { headroom: "64M" },'),
      code: 2,
      says: ["filesystem: belongs to the oci_rootfs strategy, and this is an initramfs", "remove filesystem"],
    },
  ],
  [
    "an image that is not in an object",
    {
      files: disk('source: "nginx:alpine"'),
      code: 2,
      says: ["source: expected an object", 'got "nginx:alpine"', 'hint an image of a registry is { image: "nginx'],
    },
  ],
  [
    "no source",
    { files: disk(""), code: 2, says: ["source: is missing", 'hint write source: { image: "nginx:alpine" }'] },
  ],
  [
    "an image that is no reference",
    {
      files: disk('source: { image: "nginx alpine" }'),
      code: 2,
      says: ['"nginx alpine" is not an image reference', "hint for instance", "nginx:alpine"],
    },
  ],
  [
    "an agent that is not there",
    {
      files: config('agent: { path: "./kestrel" },'),
      code: 2,
      says: ["agent.path: /", "/kestrel does not exist", "hint check the path; agent.release = "],
    },
  ],
  [
    "a mapped file that is not there",
    {
      files: config('init: { path: "/bin/sh" }, mappings: { "./sit": "/srv" },'),
      code: 2,
      says: ['mappings["./sit"]: /', "/sit does not exist", "hint paths on the left", "folder of the config"],
    },
  ],
  [
    "a mapping with a pattern",
    {
      files: config('init: { path: "/bin/sh" }, mappings: { "./site/*": "/srv" },'),
      code: 2,
      says: ['mappings["./site/*"]', "does not exist", "hint a mapping takes a file, or a folder"],
    },
  ],
  [
    "a Dockerfile that is not there",
    {
      files: disk('source: { dockerfile: "./Dockerfil" }'),
      code: 1,
      says: ["cannot read /", "/Dockerfil: no such file", "hint check the path", "starts from its folder"],
    },
  ],
  [
    "a hook that does what cannot be done",
    {
      files: config(`init: { path: "/bin/sh" },
  hooks: {
    "rootfs:ready": ({ rootfs }) => {
      rootfs.chmod("/srv/none", 0o755);
    },
  },`),
      code: 1,
      says: [
        'hook "rootfs:ready" of /',
        "failed: /srv/none does not exist",
        "fledge.config.ts:10:14  is where it failed",
      ],
    },
  ],
  [
    "a preset whose package is not installed",
    {
      files: config('extends: ["fledge-preset-acme"],'),
      code: 2,
      says: ['cannot find "fledge-preset-acme", which it extends', "npm install --save-dev fledge-preset-acme"],
    },
  ],
  [
    "the same, imported",
    {
      files: { "fledge.config.ts": 'import acme from "fledge-preset-acme";\nexport default acme;\n' },
      code: 2,
      says: ['cannot find "fledge-preset-acme", which it imports', "npm install fledge-preset-acme"],
    },
  ],
  [
    "a preset of fledge's by its short name",
    {
      files: config('extends: ["nginx"],'),
      code: 2,
      says: ['cannot find "nginx"', 'did you mean "@volantvm/fledge/presets/nginx'],
    },
  ],
  [
    "fledge misspelt in an import",
    {
      files: { "fledge.config.ts": 'import { definePlugin } from "fledg";\nexport default definePlugin;\n' },
      code: 2,
      says: ['cannot find "fledg", which it imports', 'did you mean "@volantvm/fledge"?'],
    },
  ],
  [
    "a name of fledge's misspelt in an import",
    {
      files: {
        "fledge.config.ts":
          'import { formatEnv, definePlugn } from "@volantvm/fledge";\nexport default definePlugn({});\n',
      },
      code: 2,
      says: ['fledge.config.ts:1:21  "@volantvm/fledge" has no export "definePlugn"', 'did you mean "definePlugin"?'],
    },
  ],
  [
    "such a name in a file that the config imports, under another name and on a line of its own",
    {
      files: {
        "fledge.config.mjs": 'export { plugin as default } from "./plugin.mjs";\n',
        "plugin.mjs":
          "import {\n  definePlugin,\n  addUsr as add,\n} from '@volantvm/fledge';\nexport const plugin = definePlugin(add);\n",
      },
      code: 2,
      says: ['plugin.mjs:3:3  "@volantvm/fledge" has no export "addUsr"', 'did you mean "addUser"?'],
    },
  ],
  [
    "a name of the project's own misspelt in an import",
    {
      files: {
        "fledge.config.ts": 'import { ports } from "./shared";\nexport default { outDir: String(ports) };\n',
        "shared.ts": "type Port = number;\nexport const port: Port = 80;\nexport default port;\n",
      },
      code: 2,
      says: ['fledge.config.ts:1:10  "./shared" has no export "ports"', 'did you mean "port"?'],
    },
  ],
  [
    "a preset imported as if it were one of several",
    {
      files: {
        "fledge.config.ts": 'import { nginx } from "@volantvm/fledge/presets/nginx";\nexport default nginx({});\n',
      },
      code: 2,
      says: ['has no export "nginx"', 'write import nginx from "@volantvm/fledge/presets/nginx"'],
    },
  ],
  [
    "fledge imported as a whole",
    {
      files: {
        "fledge.config.ts": 'import fledge from "@volantvm/fledge";\nexport default fledge.definePlugin({});\n',
      },
      code: 2,
      says: [":1:1  ", "has no default export", 'write import { definePlugin } from "@volantvm/fledge"'],
    },
  ],
  [
    "fledge by its command's name in an import",
    {
      files: { "fledge.config.ts": 'import nginx from "fledge/presets/nginx";\nexport default nginx();\n' },
      code: 2,
      says: ['cannot find "fledge', 'did you mean "@volantvm/fledge'],
    },
  ],
  [
    "a preset of fledge's by the command's name",
    {
      files: config('extends: ["fledge/presets/nginx"],'),
      code: 2,
      says: ['cannot find "fledge/presets/nginx"', 'did you mean "@volantvm/fledge/presets/nginx"'],
    },
  ],
  ["no config", { code: 2, says: ["no config found in /", "looked for fledge.config.ts", "hint fledge init writes"] }],
  [
    "no config beside a Dockerfile",
    {
      files: { Dockerfile: "FROM scratch\n" },
      code: 2,
      says: ["no config found", "fledge build ./Dockerfile needs no config"],
    },
  ],
  [
    "a tool that is not there",
    {
      files: config('init: { path: "/bin/sh" }, archive: { compression: "lz4" },'),
      env: { PATH: "/nonexistent" },
      code: 3,
      says: [
        "web cannot be built here",
        "lz4 not found; needed to compress the initramfs with lz4",
        'hint sudo apt-get install -y lz4, or archive.compression = "gzip" (built in)',
      ],
    },
  ],
  [
    "a check before the first build",
    {
      files: config('init: { path: "/bin/sh" },'),
      args: ["check"],
      code: 1,
      says: ["cannot read web.manifest.json: no such file", "once fledge build has written it"],
    },
  ],
  ["a misspelt command", { args: ["biuld"], code: 2, says: ['there is no command "biuld"', 'did you mean "build"?'] }],
  [
    "a misspelt flag",
    {
      args: ["build", "--outptu", "x"],
      code: 2,
      says: ["fledge build has no flag --outptu", 'did you mean "--output"?'],
    },
  ],
])("%s", async (_title, row) => {
  await expectWords(row);
});

describeWith("without the network", [requireTools("busybox")], () => {
  const withoutAgent = 'hint is the server running?; without the network, agent.path = "./kestrel" names one';
  test.each<[string, Row]>([
    [
      "the agent's release, at a server that is down",
      {
        files: config(""),
        env: { GITHUB_API_URL: CLOSED },
        code: 1,
        says: ["the agent could not be fetched: GET http://127.0.0.1:1/repos/", "connection refused", withoutAgent],
      },
    ],
    [
      "the agent's release, at a host that nobody knows",
      {
        files: config('agent: { release: "v0.6.5" },'),
        env: { GITHUB_API_URL: "http://api.invalid" },
        code: 1,
        says: [
          "the agent could not be fetched: GET http://api.invalid/",
          "check the host name and the network",
          "agent.path = ",
        ],
      },
    ],
    [
      "an agent with a URL",
      {
        files: config(`agent: { url: "${CLOSED}/kestrel" },`),
        code: 1,
        says: ["the agent could not be fetched: GET http://127.0.0.1:1/kestrel: connection refused", withoutAgent],
      },
    ],
    [
      "BusyBox",
      {
        files: config('busybox: undefined, init: { path: "/bin/sh" },'),
        env: { https_proxy: CLOSED },
        code: 1,
        says: [
          "BusyBox could not be fetched: GET https://busybox.net/",
          "connection refused",
          "hint the proxy http://127.0.0.1:1 is set (https_proxy)",
          'sudo apt-get install -y busybox-static, then busybox.path = "/bin/busybox"',
        ],
      },
    ],
    [
      "a registry that is down",
      {
        files: disk('source: { image: "127.0.0.1:1/web:1" }'),
        code: 1,
        says: ["GET http://127.0.0.1:1/v2/web/manifests/1: connection refused", "FLEDGE_REGISTRY_MIRRORS=127.0.0.1:1="],
      },
    ],
    [
      "a registry that nobody knows",
      {
        files: disk('source: { image: "registry.invalid/web:1" }'),
        code: 1,
        says: [
          "GET https://registry.invalid/v2/web/manifests/1: ",
          "check the host name",
          "source.archive or source.layout",
        ],
      },
    ],
    [
      "a registry whose mirror is down too",
      {
        files: disk('source: { image: "registry.invalid/web:1" }'),
        env: { FLEDGE_REGISTRY_MIRRORS: "registry.invalid=127.0.0.1:1" },
        code: 1,
        says: [
          "GET https://registry.invalid/v2/",
          "mirror 127.0.0.1:1: GET http://127.0.0.1:1/v2/web/manifests/1: connection refused",
        ],
      },
    ],
  ])("%s", async (_title, row) => {
    await expectWords(row);
  });
});

describeWith("a registry", [needsRegistry(), requireTools("busybox")], () => {
  let registry: Registry;
  beforeAll(async () => {
    registry = await startRegistry();
    registry.push(`oci:${busyboxLayout(registry.scratch())}`, "web:1");
  });
  afterAll(() => registry.stop());

  test("without the tag that is asked for", async () => {
    await expectWords({
      files: disk(`source: { image: "${registry.host}/web:2" }`),
      code: 1,
      says: [`${registry.host} has no image web:2`, "hint check the tag, or the digest"],
    });
  });
});
