import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { ResolvedPlugin } from "../../../src/contract/plugin.ts";
import { type Digest, sha256 } from "../../../src/lib/digest.ts";
import { readLock } from "../../../src/lock/file.ts";
import { lockPlugins, updateLock } from "../../../src/lock/update.ts";
import { file, httpServer, type Reply } from "../../helpers/file-server.ts";
import { smallPlugin } from "../../helpers/plugin.ts";
import { tempDir } from "../../helpers/temp.ts";

/** A plugin with BusyBox by URL and a source of its own, and what they are now. */
async function start() {
  const now: { digest: Digest | undefined; locator?: string } = { digest: sha256("1") };
  const routes: Record<string, Reply> = { "/busybox": file("one") };
  const server = await httpServer(routes);
  const plugin = (name = "mine", digest = () => now.digest): ResolvedPlugin =>
    smallPlugin({
      busybox: { url: server.url("/busybox") },
      source: {
        custom: {
          name,
          pin: async () => {
            const found = digest();
            return { reference: "it", ...(found && { digest: found }), ...(now.locator && { locator: now.locator }) };
          },
          async *layers() {},
        },
      },
    });
  const options = { env: { FLEDGE_CACHE_DIR: tempDir() } };
  const keys = { source: "source mine linux/amd64", busybox: `busybox ${server.url("/busybox")}` };
  return { now, routes, server, plugin, options, keys };
}

it("locks what is missing, keeps what is there, and drops what is not used when told to", async () => {
  const { now, plugin, options, keys } = await start();
  const one = plugin();
  const [report] = await lockPlugins([one], options);
  const entry = { digest: sha256("1"), reference: "it" };
  expect(report).toEqual({
    file: join(one.baseDir, "fledge.lock"),
    changes: [
      { key: keys.busybox, to: { digest: sha256("one") } },
      { key: keys.source, to: entry },
    ],
    kept: [],
    unpinned: [],
    notes: [],
    warnings: [],
  });
  now.digest = sha256("2");
  expect(await lockPlugins([one], options)).toMatchObject([{ changes: [], kept: [keys.busybox, keys.source] }]);
  const other = { ...one, source: undefined, busybox: undefined } as unknown as ResolvedPlugin;
  expect(await lockPlugins([other], options)).toMatchObject([{ changes: [] }]);
  const [pruned] = await lockPlugins([other], { ...options, prune: true });
  expect(pruned?.changes.map(({ to }) => to)).toEqual([undefined, undefined]);
  expect(await readLock(join(one.baseDir, "fledge.lock"))).toEqual(new Map());
});

it("updates all, or what is named, or nothing in a dry run", async () => {
  const { now, routes, plugin, options, keys } = await start();
  const one = plugin();
  await lockPlugins([one], options);
  now.digest = sha256("2");
  routes["/busybox"] = file("two");
  const [dry] = await updateLock([one], { ...options, dryRun: true });
  expect(dry?.changes.map(({ key }) => key)).toEqual([keys.busybox, keys.source]);
  expect(await lockPlugins([one], options)).toMatchObject([{ changes: [] }]);
  expect(await updateLock([one], { ...options, names: ["busybox"] })).toMatchObject([
    { changes: [{ key: keys.busybox, from: { digest: sha256("one") }, to: { digest: sha256("two") } }] },
  ]);
  expect(await updateLock([one], { ...options, names: [keys.source] })).toMatchObject([
    { changes: [{ key: keys.source }] },
  ]);
  await expect(updateLock([one], { ...options, names: ["busibox"] })).rejects.toMatchObject({
    code: "usage",
    hint: expect.stringContaining('"busybox"'),
  });
});

it("says what cannot be locked, and drops an entry of it", async () => {
  const { now, plugin, options, keys } = await start();
  const one = plugin();
  await lockPlugins([one], options);
  now.digest = undefined;
  expect(await updateLock([one], options)).toMatchObject([
    { changes: [{ key: keys.source, from: { reference: "it" } }], unpinned: [{ what: keys.source }] },
  ]);
});

it("refuses a name that two different sources have, and a password", async () => {
  const { now, plugin, options } = await start();
  const [one, two] = [plugin("mine"), plugin("mine", () => sha256("another"))];
  const root = tempDir();
  const both = [one, two].map((each) => ({ ...each, root }));
  await expect(lockPlugins(both, options)).rejects.toMatchObject({
    code: "config",
    message: 'two sources are called "source mine linux/amd64" and are not the same',
  });
  now.locator = "https://me:s3cret@example.org/";
  const error = lockPlugins([one], options);
  await expect(error).rejects.toMatchObject({ message: expect.stringContaining("its locator has a password in it") });
  await expect(error).rejects.not.toMatchObject({ message: expect.stringContaining("s3cret") });
  expect(existsSync(join(root, "fledge.lock"))).toBe(false);
});
