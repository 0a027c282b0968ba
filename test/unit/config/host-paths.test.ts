import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { rebase } from "../../../src/config/host-paths.ts";
import { loadPlugins } from "../../../src/config/project.ts";
import { project } from "../../helpers/project.ts";
import { problemsOf } from "./expect-problems.ts";

const absolute = (path: string): string => join("/at", path);
const load = (cwd: string) => loadPlugins({ env: {}, platform: "linux/amd64", cwd });

describe("every host path is relative to the file that wrote it", () => {
  it.each([
    [{ outDir: "out" }, { outDir: "/at/out" }],
    [{ source: { image: "nginx:alpine" } }, { source: { image: "nginx:alpine" } }],
    [{ source: { image: "oci:img:tag" } }, { source: { image: "oci:/at/img:tag" } }],
    [{ source: { image: "docker-archive:./a.tar" } }, { source: { image: "docker-archive:/at/a.tar" } }],
    [{ source: { layout: "img", tag: "a" } }, { source: { layout: "/at/img", tag: "a" } }],
    [{ source: { archive: "a.tar" } }, { source: { archive: "/at/a.tar" } }],
    [{ source: { tar: "file:///a.tar" } }, { source: { tar: "file:///a.tar" } }],
    [{ source: { dir: "." } }, { source: { dir: "/at" } }],
    [
      { source: { dockerfile: "D", context: "..", target: "t", secrets: { a: { file: "s" }, b: { env: "S" } } } },
      {
        source: { dockerfile: "/at/D", context: "/", target: "t", secrets: { a: { file: "/at/s" }, b: { env: "S" } } },
      },
    ],
    [
      { registries: { "docker.io": { ca: "ca.pem", insecure: true } } },
      { registries: { "docker.io": { ca: "/at/ca.pem", insecure: true } } },
    ],
    [{ agent: { path: "a" } }, { agent: { path: "/at/a" } }],
    [{ agent: { url: "./a" } }, { agent: { url: "/at/a" } }],
    [{ agent: { release: "latest" } }, { agent: { release: "latest" } }],
    [{ busybox: { url: "https://a/b" } }, { busybox: { url: "https://a/b" } }],
    [{ busybox: { path: "b" } }, { busybox: { path: "/at/b" } }],
    [{ init: { path: "./i" } }, { init: { path: pathToFileURL("/at/i").href } }],
    [{ init: { path: "/sbin/init" } }, { init: { path: "/sbin/init" } }],
    [{ init: { none: true } }, { init: { none: true } }],
    [
      { mappings: { a: "/a", "./b": { to: "/b", uid: 1 } } },
      { mappings: { "/at/a": "/a", "/at/b": { to: "/b", uid: 1 } } },
    ],
  ] as const)("%j", (values, expected) => {
    expect(rebase(values as never, absolute)).toMatchObject({ values: expected, findings: [] });
  });

  it("also a registry's ca in a preset of another folder", async () => {
    const cwd = project({
      "preset/fledge.toml": '[registries."docker.io"]\nca = "./ca.pem"\n',
      "fledge.toml": 'name = "x"\nstrategy = "initramfs"\nextends = "./preset"\n',
    });
    expect(await load(cwd)).toMatchObject([{ registries: { "docker.io": { ca: join(cwd, "preset/ca.pem") } } }]);
  });
});

describe("a path that is not there because of how it was written", () => {
  const toml = (line: string) => project({ "fledge.toml": `name = "x"\nstrategy = "initramfs"\n${line}\n` });

  it("is told of ~, which only the shell expands, unless there is a folder of that name", async () => {
    const cwd = toml('mappings = { "~/x" = "/x" }\ninit = { path = "~/init" }');
    expect(await problemsOf(load(cwd), cwd)).toEqual([
      expect.stringMatching(
        /^fledge\.toml: mappings\["~\/x"\]: "~\/x" does not exist: ~ is .* only the shell expands it/,
      ),
      expect.stringMatching(/^fledge\.toml: init\.path: "~\/init" does not exist/),
    ]);
    mkdirSync(join(cwd, "~/x"), { recursive: true });
    mkdirSync(join(cwd, "~/init"), { recursive: true });
    expect(await load(cwd)).toHaveLength(1);
  });

  it("is told of undefined", async () => {
    const config = `export default ({ env }) => ({ name: "x", strategy: "initramfs", mappings: { [\`\${env.OUT}/x\`]: "/x" } });`;
    const cwd = project({ "package.json": "{}", "fledge.config.ts": config });
    expect(await problemsOf(load(cwd), cwd)).toEqual([
      expect.stringMatching(/mappings\["undefined\/x"\]: .*variable of the environment/),
    ]);
  });

  it("may not be there twice, in two spellings", async () => {
    const cwd = toml('mappings = { "./x" = "/a", "x" = "/b" }');
    expect(await problemsOf(load(cwd), cwd)).toEqual([
      'fledge.toml: mappings.x: is the same path as "./x" (keep one of them)',
    ]);
  });
});
