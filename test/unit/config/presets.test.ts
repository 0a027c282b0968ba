import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { AnyPlugin } from "../../../src/config/define.ts";
import { definePreset } from "../../../src/config/preset.ts";
import { loadPlugins } from "../../../src/config/project.ts";
import { project } from "../../helpers/project.ts";
import { problemsOf } from "./expect-problems.ts";

const common = { env: {}, platform: "linux/amd64" };
const load = (cwd: string) => loadPlugins({ ...common, cwd });
const problems = (cwd: string) => problemsOf(load(cwd), cwd);

const MODULE = '{ "type": "module" }';
const config = (entries: string, imports = "") => `${imports}
  export default { name: "app", strategy: "initramfs", extends: ${entries} };`;

/** A preset with checked options, one host path of its own and one from an option. Its zod is another copy's. */
const WEB = `
  import { definePreset } from "@volantvm/fledge";
  import { z } from "${import.meta.resolve("zod")}";
  export default definePreset({
    name: "web",
    url: import.meta.url,
    options: z.object({ site: z.string(), port: z.int().default(80) }),
    setup: ({ site, port }, { resolve, mode }) => ({
      mappings: { "./mime.types": "/etc/mime.types", [resolve(site)]: "/srv/www" },
      manifest: { workload: { baseUrl: "http://127.0.0.1:" + port }, labels: { mode } },
      hooks: { "rootfs:ready": () => {} },
    }),
  });`;

describe("a preset with options", () => {
  const expected = (cwd: string, port: number) => ({
    mappings: [
      { from: join(cwd, "presets/mime.types"), to: "/etc/mime.types", key: 'mappings["./mime.types"]' },
      { from: join(cwd, "app/public"), to: "/srv/www", key: `mappings["${join(cwd, "app/public")}"]` },
    ],
    manifest: { workload: { baseUrl: `http://127.0.0.1:${port}` }, labels: { mode: "production" } },
    hooks: [{ origin: "web" }],
  });
  const app = (entries: string, imports?: string) =>
    project({
      "package.json": MODULE,
      "presets/web.ts": WEB,
      "app/fledge.config.ts": config(entries, imports),
    });

  it("is used inline, and its paths are each relative to where they were written", async () => {
    const cwd = app('[web({ site: "./public" })]', 'import web from "../presets/web.ts";');
    expect(await load(join(cwd, "app"))).toMatchObject([expected(cwd, 80)]);
  });

  it("is used by name, with the same result", async () => {
    const cwd = app('[["../presets/web.ts", { site: "public", port: 81 }]]');
    expect(await load(join(cwd, "app"))).toMatchObject([expected(cwd, 81)]);
  });

  it("has its options checked, and is named with the config's file", async () => {
    const cwd = app('[["../presets/web.ts", { site: 1, prot: 80 }]]');
    expect(await problems(join(cwd, "app"))).toEqual([
      'fledge.config.ts: preset "web": prot: unknown key (did you mean "port"?)',
      'fledge.config.ts: preset "web": site: expected a string, got 1',
    ]);
    const missing = app('["../presets/web.ts"]');
    expect(await problems(join(missing, "app"))).toEqual([
      'fledge.config.ts: preset "web": site: is missing (expected a string)',
    ]);
  });

  it("is there once when two presets extend it alike, and twice when its paths differ", async () => {
    const nested = (folder: string, site: string) => ({
      [`${folder}/preset.ts`]: `import web from "../presets/web.ts";
        export default { meta: { name: "${folder}" }, extends: [web({ site: "${site}" })] };`,
    });
    const hooks = async (a: string, b: string) => {
      const cwd = project({
        ...{ "package.json": MODULE, "presets/web.ts": WEB, ...nested("a", a), ...nested("b", b) },
        "fledge.config.ts": config('["./a/preset.ts", "./b/preset.ts"]'),
      });
      return (await load(cwd))[0]?.hooks.map(({ origin }) => origin);
    };
    expect(await hooks("/srv/site", "/srv/site")).toEqual(["web"]);
    expect(await hooks("./site", "./site")).toEqual(["web", "web"]);
  });
});

describe("presets that extend presets", () => {
  it("pass their options on, and resolve paths for whoever wrote them", async () => {
    const cwd = project({
      "package.json": MODULE,
      "node_modules/fledge-preset-web/package.json": '{ "type": "module", "exports": "./index.ts" }',
      "node_modules/fledge-preset-web/index.ts": WEB,
      "presets/shop/index.ts": `
        import { definePreset } from "@volantvm/fledge";
        import web from "fledge-preset-web";
        export default definePreset<{ theme?: string }>(({ theme = "" }, { resolve }) => ({
          meta: { name: "shop", url: import.meta.url },
          extends: [web({ site: theme === "" ? "./site" : resolve(theme) })],
        }));`,
      "app/fledge.config.ts": config('[["../presets/shop", { theme: "./theme" }]]'),
      "plain/fledge.config.ts": config("[shop()]", 'import shop from "../presets/shop/index.ts";'),
    });
    const site = async (folder: string) =>
      (await load(join(cwd, folder)))[0]?.mappings.find(({ to }) => to === "/srv/www")?.from;
    expect(await site("app")).toBe(join(cwd, "app/theme"));
    expect(await site("plain")).toBe(join(cwd, "presets/shop/site"));
  });

  it("may be several in one file, but none extends itself", async () => {
    const file = (second: string) => ({
      "package.json": MODULE,
      "presets.ts": `import { definePreset } from "@volantvm/fledge";
        const url = import.meta.url;
        export const low = definePreset({ name: "low", url, setup: () => ({ version: "2.0.0"${second} }) });
        export const high = definePreset({ name: "high", url, setup: () => ({ extends: [low()] }) });`,
      "fledge.config.ts": config("[high]", 'import { high } from "./presets.ts";'),
    });
    expect(await load(project(file("")))).toMatchObject([{ version: "2.0.0" }]);
    expect(await problems(project(file(", extends: [high()]")))).toEqual([
      "presets.ts: extends itself: presets.ts#high -> presets.ts#low -> presets.ts#high (remove one of the extends)",
    ]);
  });
});

describe("a preset that does not say where it is", () => {
  const inline = (extend: AnyPlugin["extends"]) => {
    const cwd = project({});
    const plugin: AnyPlugin = { name: "app", strategy: "initramfs", ...(extend !== undefined && { extends: extend }) };
    return { cwd, loaded: loadPlugins({ ...common, cwd, config: plugin }) };
  };

  it("works as long as its paths are absolute or come from options", async () => {
    const preset = definePreset({
      name: "here",
      setup: ({ from }: { from: string }, { resolve }) => ({ mappings: { [resolve(from)]: "/a", "/etc/b": "/b" } }),
    });
    const { cwd, loaded } = inline([preset({ from: "a" }), { meta: { name: "data" }, version: "3.0.0" }]);
    expect(await loaded).toMatchObject([
      { version: "3.0.0", mappings: [{ from: join(cwd, "a") }, { from: "/etc/b" }] },
    ]);
  });

  it("may not write a relative path", async () => {
    const preset = definePreset({ name: "lost", setup: () => ({ mappings: { "./a": "/a" } }) });
    const { cwd, loaded } = inline([preset()]);
    expect(await problemsOf(loaded, cwd)).toEqual([
      'fledge.config.ts: preset "lost": the path "./a" is relative, and nothing says to what (let its definePreset have url: import.meta.url; a path from its options goes through resolve())',
    ]);
  });
});

describe("other schemas", () => {
  it("are Standard Schemas, whatever library made them", async () => {
    const port = {
      "~standard": {
        version: 1 as const,
        vendor: "handmade",
        types: undefined as { input: { port?: number }; output: { port: number } } | undefined,
        validate: async (value: unknown) =>
          typeof (value as { port?: unknown }).port === "number"
            ? { value: value as { port: number } }
            : { issues: [{ message: "is no port", path: [{ key: "port" }] }] },
      },
    };
    const preset = definePreset({ name: "p", options: port, setup: ({ port }) => ({ version: `${port}` }) });
    const plugin = (given: { port?: number }): AnyPlugin => ({ strategy: "initramfs", extends: [preset(given)] });
    const cwd = project({});
    expect(await loadPlugins({ ...common, cwd, config: plugin({ port: 1 }) })).toMatchObject([{ version: "1" }]);
    expect(await problemsOf(loadPlugins({ ...common, cwd, config: plugin({}) }), cwd)).toEqual([
      'fledge.config.ts: preset "p": port: is no port',
    ]);
  });

  it("may have rules over all options, async ones too", async () => {
    const either = z
      .strictObject({ a: z.string().optional(), b: z.string().optional() })
      .refine(async ({ a, b }) => (a === undefined) !== (b === undefined), "give a or b");
    const preset = definePreset({ name: "p", options: either, setup: () => ({}) });
    const cwd = project({});
    const plugin: AnyPlugin = { strategy: "initramfs", extends: [preset({})] };
    expect(await problemsOf(loadPlugins({ ...common, cwd, config: plugin }), cwd)).toEqual([
      'fledge.config.ts: preset "p": give a or b',
    ]);
  });
});

describe("an entry of extends that leads nowhere", () => {
  it("names the package to install, not the path in it", async () => {
    const cwd = project({ "fledge.config.ts": config('["@team/presets/web"]') });
    expect(await problems(cwd)).toEqual([
      'fledge.config.ts: cannot find "@team/presets/web", which it extends (npm install --save-dev @team/presets, or write ./@team/presets/web for a folder)',
    ]);
  });

  it("is no entry at all", async () => {
    const cwd = project({ "fledge.config.ts": config("[5]") });
    expect((await problems(cwd)).join()).toContain("fledge.config.ts: extends[0]: ");
    const data = project({
      "fledge.config.ts": config('[["./base.ts", { port: 1 }]]'),
      "base.ts": "export default { version: '1.0.0' };",
    });
    expect(await problems(data)).toEqual([
      'fledge.config.ts: "./base.ts" is no preset that takes options (write "./base.ts")',
    ]);
  });
});
