import { execFileSync } from "node:child_process";
import { chownSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { fledge } from "../helpers/cli.ts";
import { describeWith, requireRoot, requireTools } from "../helpers/requirements.ts";
import { tempDir } from "../helpers/temp.ts";

const NOBODY = 65534;

type Way = {
  readonly folder: string;
  readonly umask: string;
  readonly env: Record<string, string>;
  readonly user: number;
  /** Files are made, and mappings written, in the other order. */
  readonly reversed: boolean;
};

/** Builds the same project another way; returns the bytes of all that it made. */
async function buildOneWay({ folder, umask, env, user, reversed }: Way): Promise<Map<string, Buffer>> {
  const top = tempDir();
  const cwd = join(top, folder);
  mkdirSync(cwd, { recursive: true });
  const names = ["a.txt", "z.txt", "B.txt", "é.txt"];
  mkdirSync(join(cwd, "site"));
  for (const name of reversed ? names.reverse() : names) writeFileSync(join(cwd, "site", name), `content of ${name}`);
  writeFileSync(join(cwd, "app.sh"), "#!/bin/sh\necho app\n");
  const mappings = { "./site": "/srv/www", "./app.sh": "/usr/bin/app" };
  const ordered = reversed ? Object.fromEntries(Object.entries(mappings).reverse()) : mappings;
  const config = {
    name: "same",
    strategy: "initramfs",
    busybox: { path: "/bin/busybox" },
    init: { path: "./app.sh" },
    mappings: ordered,
    manifest: { workload: { baseUrl: "http://127.0.0.1:80", env: reversed ? { B: "2", A: "1" } : { A: "1", B: "2" } } },
  };
  writeFileSync(join(cwd, "fledge.config.mjs"), `export default ${JSON.stringify(config)};`);
  execFileSync("chmod", ["-R", reversed ? "go-rwx" : "go+rX", cwd]);
  execFileSync("chown", ["-R", `${user}:${user}`, top]);
  utimesSync(join(cwd, "site/a.txt"), reversed ? 1e9 : 1.5e9, reversed ? 1e9 : 1.5e9);
  const cache = tempDir();
  chownSync(cache, user, user);
  const via = [
    "setpriv",
    `--reuid=${user}`,
    `--regid=${user}`,
    "--clear-groups",
    "bash",
    "-c",
    `umask ${umask}; exec "$@"`,
    "-",
  ];
  const { code, stderr } = await fledge(["build", "--verify"], { cwd, via, env: { ...env, FLEDGE_CACHE_DIR: cache } });
  expect(code, stderr).toBe(0);
  const made = readdirSync(cwd).filter((name) => name.startsWith("same."));
  return new Map(made.map((name) => [name, readFileSync(join(cwd, name))]));
}

describeWith("the same inputs", [requireRoot(), requireTools("setpriv", "busybox")], () => {
  test("give the same bytes whatever the folder, umask, time zone, locale, user and order", async () => {
    const one = await buildOneWay({ folder: "a", umask: "022", env: { TZ: "UTC" }, user: 0, reversed: false });
    const two = await buildOneWay({
      folder: "elsewhere/deep",
      umask: "077",
      env: { TZ: "Pacific/Auckland", LC_ALL: "C", LANG: "tr_TR.UTF-8" },
      user: NOBODY,
      reversed: true,
    });
    expect([...one.keys()].sort()).toEqual(["same.cpio.gz", "same.manifest.json"]);
    for (const [name, bytes] of one) expect(two.get(name)?.equals(bytes), name).toBe(true);
  });

  test("with another SOURCE_DATE_EPOCH differ, and say so when it is no number", async () => {
    const way = { folder: "a", umask: "022", user: 0, reversed: false };
    const [one, two] = [
      await buildOneWay({ ...way, env: {} }),
      await buildOneWay({ ...way, env: { SOURCE_DATE_EPOCH: "1700000000" } }),
    ];
    expect(one.get("same.cpio.gz")?.equals(two.get("same.cpio.gz") as Buffer)).toBe(false);
    await expect(buildOneWay({ ...way, env: { SOURCE_DATE_EPOCH: "yesterday" } })).rejects.toThrow(
      /is not a number of seconds/,
    );
  });
});
