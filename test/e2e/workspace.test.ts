import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { fledge } from "../helpers/cli.ts";
import { startFaultyRegistry } from "../helpers/faulty-registry.ts";
import { makeImage } from "../helpers/images.ts";
import { project } from "../helpers/project.ts";
import { tar } from "../helpers/tar-writer.ts";

const ENV = { NO_COLOR: "1" };

const plugin = (extra = ""): string => `export default {
  strategy: "initramfs", init: { none: true }, archive: { compression: "none" }, mappings: { "/bin/busybox": "/init" },
  manifest: { workload: { baseUrl: "http://127.0.0.1:80", entrypoint: "/init" } }, ${extra} };`;

const HANGS = plugin('hooks: { "rootfs:ready": () => new Promise((resolve) => setTimeout(resolve, 600_000)) },');

/** A workspace of these configs by folder; a toml member and what is no plugin are always there. */
function workspace(configs: Record<string, string>): string {
  return project({
    "package.json": '{ "type": "module" }',
    "fledge.config.ts": `import { defineWorkspace } from "@volantvm/fledge"; export default defineWorkspace({ plugins: ["./plugins/*"] });`,
    "plugins/README.md": "not a plugin",
    "plugins/shared/preset.ts": "export default {};",
    ...Object.fromEntries(Object.entries(configs).map(([name, text]) => [`plugins/${name}/fledge.config.ts`, text])),
  });
}

/** What builds have left in the folders of a workspace's plugins. */
function builtIn(cwd: string): string[] {
  const files = readdirSync(join(cwd, "plugins"), { recursive: true, encoding: "utf8" });
  return files.filter((file) => /cpio|manifest\.json|tmp/.test(file)).sort();
}

const of = (...names: string[]): string[] =>
  names.flatMap((name) => [`${name}/${name}.cpio`, `${name}/${name}.manifest.json`]).sort();

test("all, some by name, and some by filter are built", async () => {
  const cwd = workspace({ web: plugin(), "web-admin": plugin(), db: plugin() });
  const all = await fledge(["build"], { cwd, env: ENV });
  expect(all.code, all.stderr).toBe(0);
  expect(builtIn(cwd)).toEqual(of("db", "web", "web-admin"));
  expect(all.stdout).toMatch(
    /^\nplugin +artifact +size +time +warnings\n✔ db +plugins\/db\/db\.cpio +\d\S+ MiB +[\d.]+ m?s\n✔ web .*\n✔ web-admin .*\n3 built\n$/,
  );
  for (const [args, built] of [
    [["web"], of("web")],
    [["db", "web"], of("db", "web")],
    [["--filter", "web*", "--jobs", "1"], of("web", "web-admin")],
    [["--filter", "d?,web"], of("db", "web")],
    [["plugins/db", "db"], of("db")],
  ] as const) {
    for (const file of builtIn(cwd)) rmSync(join(cwd, "plugins", file));
    const { code, stderr } = await fledge(["build", ...args], { cwd });
    expect(code, stderr).toBe(0);
    expect(builtIn(cwd)).toEqual(built);
  }
  const none = await fledge(["build", "--filter", "x*"], { cwd });
  expect(none).toMatchObject({ code: 2, stderr: expect.stringMatching(/no plugin matches "x\*"\n.*known: db, web/) });
  const jobs = await fledge(["build", "--jobs", "many"], { cwd });
  expect(jobs).toMatchObject({ code: 2, stderr: expect.stringContaining('--jobs "many" is not a number of builds') });
});

test("a failure hides no other, and the rest is built", async () => {
  const cwd = workspace({
    a: plugin(),
    b: plugin('hooks: { "rootfs:ready": () => { throw new Error("b is broken"); } },'),
    c: plugin('mappings: { "./gone": "/init" },'),
    d: plugin(),
  });
  const { code, stdout, stderr } = await fledge(["build"], { cwd, env: ENV });
  expect(builtIn(cwd)).toEqual(of("a", "d"));
  expect(stderr).toMatch(/^error b: .*b is broken$/m);
  expect(stderr).toMatch(/^error c: .*gone does not exist$/m);
  expect(stdout).toMatch(/✔ a .*\n✖ b +failed .*\n✖ c +failed .*\n✔ d .*\n2 built, 2 not\n$/);
  expect(code).toBe(1);

  const json = await fledge(["build", "--json"], { cwd });
  const events = json.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const last = (type: string) => events.filter((event) => event.type === type).map((event) => event.plugin);
  expect(last("build:done").sort()).toEqual(["a", "d"]);
  expect(last("build:failed").sort()).toEqual(["b", "c"]);
  expect(json.stderr).toBe("");
  expect(events.filter(({ type }) => type === "error")).toMatchObject([
    { type: "error", plugin: "b", code: "hook" },
    { type: "error", plugin: "c" },
  ]);
});

test("configs that cannot be read are told together, and do not keep a plugin of another from being built", async () => {
  const cwd = workspace({ a: plugin(), b: "export default {", c: plugin("nmae: 1,") });
  const all = await fledge(["build"], { cwd });
  expect(all.stderr).toMatch(
    /2 configs have problems\n.*b\/fledge\.config\.ts:\d+:\d+ .*\n.*c\/fledge\.config\.ts {2}nmae/,
  );
  expect(all.code).toBe(2);
  const a = await fledge(["build", "a"], { cwd });
  expect(a.code, a.stderr).toBe(0);
  expect(builtIn(cwd)).toEqual(of("a"));
});

test("names must differ; the error says where both are", async () => {
  const cwd = workspace({ a: plugin('name: "same",'), b: plugin('name: "same",') });
  const { code, stderr } = await fledge(["build"], { cwd });
  expect(stderr).toMatch(/two plugins are called "same": \S+a\/fledge\.config\.ts and \S+b\/fledge\.config\.ts/);
  expect(code).toBe(2);
  const both = await fledge(["build", "plugins/a", "plugins/b"], { cwd });
  expect(both.stderr).toContain('two plugins are called "same"');
});

test("Ctrl-C stops all builds, and leaves nothing of those that were not done", async () => {
  const cwd = workspace({ a: plugin(), b: HANGS, c: HANGS, d: HANGS });
  const { code, stdout, stderr } = await fledge(["build", "--jobs", "2"], {
    cwd,
    env: ENV,
    interrupt: {
      when: /(?=[\s\S]*a .*both files in place)(?=[\s\S]*b .*Copy 1)(?=[\s\S]*c .*Copy 1)/,
      signal: "SIGINT",
    },
  });
  expect(code).toBe(130);
  expect(stderr.match(/error interrupted/g)).toHaveLength(1);
  expect(stdout).toMatch(/✔ a .*\n✖ b +interrupted.*\n✖ c +interrupted.*\n✖ d +interrupted.*\n1 built, 3 not\n$/);
  expect(builtIn(cwd)).toEqual(of("a"));
});

test("plan, doctor and check know workspaces", async () => {
  const cwd = workspace({ a: plugin(), b: plugin('archive: { compression: "zstd" },') });
  const plan = await fledge(["plan", "--json"], { cwd });
  expect(JSON.parse(plan.stdout).map(({ name }: { name: string }) => name)).toEqual(["a", "b"]);
  const doctor = await fledge(["doctor", "--json", "--filter", "b"], { cwd });
  expect(JSON.parse(doctor.stdout)).toMatchObject([{ subject: "b", findings: [{ what: "zstd" }] }]);
  expect((await fledge(["check"], { cwd })).code).toBe(1);
  await fledge(["build"], { cwd });
  const check = await fledge(["check"], { cwd });
  expect(check.stdout).toMatch(
    /^plugins\/a\/a\.manifest\.json: Volant accepts it.*\nplugins\/b\/b\.manifest\.json: Volant accepts it.*\n$/,
  );
  expect((await fledge(["check", "plugins/b"], { cwd })).stdout).toMatch(/^plugins\/b\/b\.manifest\.json: \D+\n$/);
});

test("what a workspace cannot be is said", async () => {
  const cwd = workspace({ a: plugin() });
  mkdirSync(join(cwd, "plugins/nested"));
  writeFileSync(join(cwd, "plugins/nested/fledge.toml"), 'plugins = ["../a"]\n');
  expect((await fledge(["build"], { cwd })).stderr).toMatch(/nested\/fledge\.toml is a workspace inside the workspace/);
  const manifest = await fledge(["build", "-m", "manifest.toml"], { cwd });
  expect(manifest.stderr).toMatch(/manifest\.toml is of one plugin, and .* is a workspace/);
  expect(manifest.code).toBe(2);
  const output = await fledge(["build", "--filter", "*", "-o", "one.cpio", "-c", "fledge.config.ts"], { cwd });
  expect(output.code).toBe(2);
  expect(existsSync(join(cwd, "one.cpio"))).toBe(false);
});

test("on a terminal the finished builds scroll by, not their stages", async () => {
  // Long enough for all three to be at the same stage at once, however they are scheduled before.
  const hook = (end: string): string =>
    `hooks: { "rootfs:ready": () => new Promise((resolve, reject) => setTimeout(${end}, 3000)) },`;
  const cwd = workspace({ a: plugin(hook("resolve")), b: plugin(hook("resolve")), c: plugin(hook("reject")) });
  const via = ["sh", "-c", 'script -qec "stty rows 3 cols 50; exec $0 $* --jobs 3" /dev/null'];
  // As a person has it: under CI nothing is drawn over.
  const { stdout } = await fledge(["build"], { cwd, via, env: { ...ENV, CI: "", NO_COLOR: "", TERM: "xterm" } });
  const text = stdout.replaceAll("\r", "");
  for (const line of ["✔ a", "✔ b", "✖ c"]) expect(text).toContain(line);
  expect(text).not.toMatch(/✔ Fix the order/);
  // Of three rows two are lines that are drawn over: with three plugins running, the second sums up.
  expect(text).toMatch(/: Run the hooks[^\n]*\n[^\n]*and 2 more\n/);
  for (const [, up] of text.matchAll(/\u001b\[(\d+)A/g)) expect(Number(up)).toBeLessThanOrEqual(2);
});

test("a layer that two plugins need is fetched once", async () => {
  const image = makeImage({ layers: [tar({ name: "etc/shared", data: Buffer.alloc(3_000_000, "x") })] });
  const registry = await startFaultyRegistry(image);
  try {
    const rootfs = `export default { strategy: "oci_rootfs", platform: "linux/amd64", filesystem: { type: "tar" },
      source: { image: ${JSON.stringify(registry.image)} } };`;
    const cwd = workspace({ a: rootfs.replace("{ s", '{ name: "a", s'), b: rootfs.replace("{ s", '{ name: "b", s') });
    const { code, stderr } = await fledge(["build", "--jobs", "2"], { cwd });
    expect(code, stderr).toBe(0);
    const layer = `/blobs/${image.layers[0]?.digest}`;
    expect(registry.server.received.filter(({ url }) => url.endsWith(layer))).toHaveLength(1);
  } finally {
    await registry.server.close();
  }
});
