import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BUCKET_KEYS, startBuckets } from "../helpers/bucket.ts";
import { fledge, startFledge } from "../helpers/cli.ts";
import { IS_ALL } from "../helpers/extent.ts";
import { postgresFolder, startPostgres } from "../helpers/postgres.ts";
import { project } from "../helpers/project.ts";
import { type QueueServer, startRedis } from "../helpers/redis.ts";
import { needsRegistry, type Registry, startRegistry } from "../helpers/registry.ts";
import { describeWith, requireRoot, requireTools } from "../helpers/requirements.ts";
import { tempDir } from "../helpers/temp.ts";

const needsPostgres = postgresFolder() === undefined ? "needs postgresql: run test/setup.sh" : requireRoot();

/** Plugins that build in no time, each with a file of its own; a hook may wait. */
function workspace(names: readonly string[], waitMs = 0): string {
  const recipes = names.map(
    (name) => `{
    name: "${name}", version: "1.0.0", strategy: "initramfs", busybox: { path: "./busybox" }, init: { path: "./init" },
    mappings: { "./init": "/bin/app" },
    manifest: { workload: { entrypoint: ["/bin/app"], baseUrl: "http://127.0.0.1:80" } },
    hooks: { "rootfs:ready": async ({ rootfs }) => {
      await new Promise((resolve) => setTimeout(resolve, ${waitMs}));
      rootfs.writeFile("/etc/name", "${name}");
    } },
  }`,
  );
  const busybox = readFileSync("/bin/busybox");
  const cwd = project({ "fledge.config.mjs": `export default [${recipes.join(",")}];` });
  writeFileSync(join(cwd, "busybox"), busybox, { mode: 0o755 });
  writeFileSync(join(cwd, "init"), busybox, { mode: 0o755 });
  return cwd;
}

type Farm = { readonly url: string; readonly store: string; readonly env?: Record<string, string> };

function workerOf({ url, store, env = {} }: Farm, ...more: readonly string[]) {
  return startFledge(["worker", "--queue", url, "--store", store, "--lost-after", "5s", ...more], { env });
}

function buildOn({ url, store, env = {} }: Farm, cwd: string, ...more: readonly string[]) {
  return fledge(["build", "--queue", url, "--store", store, ...more], { cwd, env });
}

/** The same cases on both are minutes: `npm run test:all` has them. */
const ENGINES = [["Redis", startRedis] as const, ...(IS_ALL ? [["PostgreSQL", startPostgres] as const] : [])];

describeWith("a farm", [needsRegistry(), requireTools("redis-server", "busybox"), needsPostgres], () => {
  let registry: Registry;
  beforeAll(async () => {
    registry = await startRegistry();
  });
  afterAll(() => registry.stop());

  describe.each(ENGINES)("on %s", (kind, start) => {
    let server: QueueServer;
    let farm: Farm;
    beforeAll(async () => {
      server = await start();
      farm = { url: server.url, store: `${registry.host}/farm/${kind.toLowerCase()}` };
    });
    afterAll(() => server.stop());

    test("builds what a build here would, to the byte", async () => {
      const worker = workerOf(farm);
      await worker.until(/waiting for work/);
      const cwd = workspace(["one", "two", "three"]);
      const built = await buildOn(farm, cwd);
      expect(built.code, `${built.stderr}\n${worker.said()}`).toBe(0);
      const there = readdirSync(cwd).filter((name) => /\.(gz|json)$/.test(name));
      expect(there.length).toBe(6);
      const elsewhere = there.map((name) => readFileSync(join(cwd, name)).toString("base64"));
      expect((await fledge(["build", "--force"], { cwd })).code).toBe(0);
      expect(there.map((name) => readFileSync(join(cwd, name)).toString("base64"))).toEqual(elsewhere);
      worker.kill("SIGTERM");
      expect((await worker.ended).code).toBe(0);
    });

    test("tells the submitter what fails, as a build here would, and builds the others", async () => {
      const worker = workerOf(farm);
      const cwd = workspace(["good", "bad"]);
      const config = readFileSync(join(cwd, "fledge.config.mjs"), "utf8");
      writeFileSync(join(cwd, "fledge.config.mjs"), config.replace('"/etc/name", "bad"', '"relative", "bad"'));
      const { code, stderr } = await buildOn(farm, cwd);
      expect(code, stderr).toBe(1);
      expect(stderr).toMatch(/error .*bad/);
      expect(readdirSync(cwd).filter((name) => name.endsWith(".gz"))).toEqual(["good.cpio.gz"]);
      worker.kill("SIGTERM");
      await worker.ended;
    });

    test("ends a build that takes too long, and says so", async () => {
      const worker = workerOf(farm, "--timeout", "3s");
      const { code, stderr } = await buildOn(farm, workspace(["hung"], 600_000));
      expect(code, stderr).toBe(1);
      expect(stderr).toMatch(/error .*took longer than 3\.0 s\n {2}hint .*fledge worker --timeout sets the limit/);
      worker.kill("SIGTERM");
      await worker.ended;
    });

    test("builds once what several submit at the same time", async () => {
      const cwd = workspace(["shared"], 1_500);
      const worker = workerOf(farm, "--json");
      const submitted = await Promise.all([1, 2, 3, 4].map((n) => buildOn(farm, cwd, "-o", `out-${n}/`)));
      expect(
        submitted.map(({ code }) => code),
        submitted.map(({ stderr }) => stderr).join("\n"),
      ).toEqual([0, 0, 0, 0]);
      expect(worker.said().match(/"state":"done"/g)).toHaveLength(1);
      worker.kill("SIGTERM");
      await worker.ended;
    });

    test("goes on when a worker is killed, and when the queue's server is", async () => {
      const cwd = workspace(["killed"], 4_000);
      const work = tempDir();
      const first = workerOf(farm, "--work", work);
      const building = buildOn(farm, cwd);
      await first.until(/taken/);
      first.kill("SIGKILL");
      await server.restart();
      const second = workerOf(farm, "--work", work);
      const { code, stderr } = await building;
      expect(code, `${stderr}\n${second.said()}`).toBe(0);
      expect(readdirSync(work)).toHaveLength(1);
      second.kill("SIGTERM");
      await second.ended;
      expect(readdirSync(work)).toEqual([]);
    });

    test("gives back what it builds when it is asked to end, and ends what a submitter does not want any more", async () => {
      const cwd = workspace(["back"], 60_000);
      const first = workerOf(farm);
      const running = startFledge(["build", "--queue", farm.url, "--store", farm.store], { cwd });
      await first.until(/taken/);
      first.kill("SIGTERM");
      expect((await first.ended).code).toBe(0);
      expect(first.said()).toMatch(/given back/);
      const second = workerOf(farm);
      await second.until(/taken/);
      running.kill("SIGINT");
      await second.until(/cancelled/);
      expect((await running.ended).code).toBe(130);
      expect(readdirSync(cwd).filter((name) => name.endsWith(".gz"))).toEqual([]);
      second.kill("SIGTERM");
      await second.ended;
    });
  });

  test("gives a build to whom it may, by labels, by way of a bucket", async () => {
    const [server, buckets] = [await startRedis(), await startBuckets()];
    try {
      const env = { ...BUCKET_KEYS, AWS_ENDPOINT_URL_S3: buckets.endpoint };
      const farm = { url: server.url, store: "s3://plugins/farm", env };
      const plain = workerOf(farm);
      await plain.until(/waiting for work/);
      const cwd = workspace(["labelled"]);
      const building = startFledge(["build", "--queue", farm.url, "--store", farm.store, "--label", "gpu"], {
        cwd,
        env,
      });
      await building.until(/warning nobody has begun .*\n {2}hint it waits for a fledge worker \S+ with gpu/);
      const able = workerOf(farm, "--label", "gpu");
      await able.until(/labelled done/);
      expect((await building.ended).code).toBe(0);
      expect(plain.said()).not.toMatch(/labelled/);
      expect(readdirSync(cwd).filter((name) => /\.(gz|json)$/.test(name)).length).toBe(2);
    } finally {
      await Promise.all([server.stop(), buckets.stop()]);
    }
  });

  test("says what is wrong with where it is", async () => {
    const cwd = workspace(["one"]);
    const error = async (...args: string[]) => {
      const { code, stderr } = await fledge(args, { cwd, env: { HOME: tempDir() } });
      return `${code}: ${stderr}`;
    };
    expect(await error("worker")).toMatch(/^2: error fledge worker needs --queue and --store/);
    expect(await error("build", "--queue", "redis://127.0.0.1:1")).toMatch(/^2: error --queue needs --store/);
    expect(await error("build", "--store", `${registry.host}/a`)).toMatch(
      /^2: error --store is of a build on other machines, and this would be one here\n {2}hint add --queue/,
    );
    expect(await error("build", "--token-file", "token")).toMatch(/hint add --remote/);
    expect(await error("build", "--include", "file")).toMatch(/hint add --remote or --queue/);
    expect(await error("build", "--queue", "amqp://host", "--store", `${registry.host}/a`)).toMatch(
      /^2: error "amqp:\/\/host\S*" is no queue/,
    );
    expect(await error("build", "--queue", "redis://:secret@127.0.0.1:1", "--store", `${registry.host}/a`)).toMatch(
      /^1: error the queue at redis:\/\/127\.0\.0\.1:1\S* cannot be used: ECONNREFUSED/,
    );
    expect(await error("build", "--queue", "redis://127.0.0.1:1", "--store", `${registry.host}/a:tag`)).toMatch(
      /^2: error ".*:tag" is no store/,
    );
    expect(await error("build", "--queue", "redis://127.0.0.1:1", "--store", "s3://bucket")).toMatch(
      /^2: error there are no credentials for the bucket/,
    );
  });
});
