import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { beforeAll, expect, test } from "vitest";
import { BOMBS, type Bomb, harmless, PACKED } from "../helpers/bombs.ts";
import { bundled } from "../helpers/bundled.ts";
import { IS_ALL } from "../helpers/extent.ts";
import { describeWith, requireTools } from "../helpers/requirements.ts";

// Small layers made to do harm, each read by a process of its own, beside a harmless layer of the same size. The multiples
// are generous: what grows faster than what is read is beyond them by far.

const BYTES = (IS_ALL ? 24 : 12) * 2 ** 20;
const CPU_TIMES = 12;
const CPU_MS = 1500;
const MEMORY_TIMES = 4;
const WARNING_CHARS = 2000;
/** Work in one piece, during which no interrupt is heard: a second where reading the harmless layer takes two. */
const BLOCKED_PART = 0.5;
const BLOCKED_MS = 500;

type Took = {
  readonly cpuMs: number;
  readonly rssBytes: number;
  readonly longestMs: number;
  readonly warnings: number;
  readonly outcome: string;
};

const child = await bundled(fileURLToPath(new URL("../helpers/bomb-child.ts", import.meta.url)));

function read(blob: Buffer, limits: Bomb["limits"] = {}): Took {
  const dir = mkdtempSync(join(tmpdir(), "fledge-test-"));
  try {
    const path = join(dir, "blob");
    writeFileSync(path, blob);
    const argv = [child, join(dir, "cache"), path, JSON.stringify(limits)];
    const { stdout, stderr } = spawnSync(process.execPath, argv, { encoding: "utf8", timeout: 240_000 });
    if (stdout === "") throw new Error(`it said nothing: ${stderr.slice(0, 2000)}`);
    return JSON.parse(stdout) as Took;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

describeWith(
  "a bomb costs no more than a few times what a harmless layer of its size does",
  [requireTools("zstd", "xz")],
  () => {
    let usual: Took;
    beforeAll(() => {
      usual = read(gzipSync(harmless(BYTES), { level: 1 }));
      expect(usual.outcome).toBe("ok");
    }, 300_000);

    const check = ({ ends }: Bomb, took: Took): void => {
      if (ends === undefined) expect(took.outcome).toBe("ok");
      else expect(took.outcome).toMatch(/^source: the layer /);
      expect(took.outcome).toContain(ends ?? "");
      expect(took.cpuMs, "processor time").toBeLessThan(usual.cpuMs * CPU_TIMES + CPU_MS);
      expect(took.rssBytes, "memory").toBeLessThan(usual.rssBytes * MEMORY_TIMES);
      expect(took.longestMs, "work in one piece").toBeLessThan(usual.cpuMs * BLOCKED_PART + BLOCKED_MS);
      expect(took.warnings, "warnings").toBeLessThan(WARNING_CHARS);
    };

    test.each(BOMBS)("$name", { timeout: 300_000 }, (bomb) => {
      check(bomb, read(gzipSync(bomb.make(BYTES), { level: 1 }), bomb.limits));
    });

    test.each(PACKED)("$name", { timeout: 300_000 }, (bomb) => {
      check(bomb, read(bomb.make(BYTES), bomb.limits));
    });
  },
);
