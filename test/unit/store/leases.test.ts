import { chmodSync } from "node:fs";
import { expect, test } from "vitest";
import { sha256 } from "../../../src/lib/digest.ts";
import { Disposer } from "../../../src/lib/dispose.ts";
import { isLeased, takeLease } from "../../../src/store/leases.ts";
import { describeWith, requireRoot } from "../../helpers/requirements.ts";
import { tempDir } from "../../helpers/temp.ts";

const NOBODY = 65534;
const digest = sha256("a layer");

async function asNobody<T>(work: () => Promise<T>): Promise<T> {
  process.seteuid?.(NOBODY);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
  }
}

describeWith("a cache of root's that another user reads", [requireRoot()], () => {
  test("is not pruned of what that user has in use, and is once it is not any more", async () => {
    const cacheDir = tempDir();
    chmodSync(cacheDir, 0o755);
    const own = new Disposer();
    await takeLease(cacheDir, digest, own);
    await own.dispose();
    const others = new Disposer();
    await asNobody(() => takeLease(cacheDir, digest, others));
    expect(await isLeased(cacheDir, digest)).toBe(true);
    expect(await isLeased(cacheDir, sha256("another"))).toBe(false);
    expect(await asNobody(() => others.dispose())).toEqual([]);
    expect(await isLeased(cacheDir, digest)).toBe(false);
  });
});
