import { spawnSync } from "node:child_process";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { type Compression, decompress, sniffCompression } from "../../../src/lib/decompress.ts";
import { FledgeError } from "../../../src/lib/errors.ts";
import { splitFrames } from "../../../src/lib/zstd-frames.ts";
import { describeWith, requireTools, unmet } from "../../helpers/requirements.ts";

const text = Buffer.from(Array.from({ length: 60_000 }, (_, i) => `line ${i * 7919}\n`).join(""));
const { env } = process;
const { signal } = new AbortController();

async function* pieces(bytes: Buffer, step = 10_007): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step);
}

async function unpack(packed: Buffer, step?: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of decompress(pieces(packed, step), { label: "blob", env, signal }))
    chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

function pack(tool: string, ...args: string[]): (bytes: Buffer) => Buffer {
  return (bytes) => {
    const { stdout, status } = spawnSync(tool, ["-c", ...args], { input: bytes, maxBuffer: 2 ** 28 });
    if (status !== 0) throw new Error(`${tool} failed`);
    return stdout;
  };
}

const FORMATS: readonly (readonly [Compression, (bytes: Buffer) => Buffer])[] = [
  ["gzip", (bytes) => gzipSync(bytes)],
  ["zstd", pack("zstd", "-q")],
  ["xz", pack("xz", "-1")],
  ["bzip2", pack("bzip2")],
];

describe.skipIf(unmet(requireTools("zstd", "xz", "bzip2")) !== undefined).each(FORMATS)("%s", (format, packer) => {
  test("is known by its magic and unpacked, in pieces of any size", async () => {
    const packed = packer(text);
    expect(sniffCompression(packed)).toBe(format);
    for (const step of [101, 4096, packed.length]) expect((await unpack(packed, step)).equals(text)).toBe(true);
    expect(await unpack(packer(Buffer.alloc(0)))).toHaveLength(0);
  });

  test("several in a row are one", async () => {
    const packed = Buffer.concat([packer(Buffer.from("one ")), packer(Buffer.alloc(0)), packer(Buffer.from("two"))]);
    for (const step of [1, 7, 1000]) expect((await unpack(packed, step)).toString()).toBe("one two");
  });

  test("a stream cut anywhere is an error", async () => {
    const packed = packer(text);
    for (const cut of [7, 20, packed.length >> 1, packed.length - 9, packed.length - 1]) {
      await expect(unpack(packed.subarray(0, cut)), `cut at ${cut}`).rejects.toMatchObject({
        code: "source",
        message: expect.stringContaining(`blob: its ${format} data is damaged`),
      });
    }
  });

  test("a damaged stream is an error", async () => {
    const packed = packer(text);
    for (const at of [packed.length >> 1, packed.length - 6]) {
      const damaged = Buffer.from(packed);
      damaged[at] = (damaged[at] as number) ^ 0xff;
      await expect(unpack(damaged), `damaged at ${at}`).rejects.toMatchObject({ code: "source" });
    }
  });

  test("what the source throws is not taken for damage", async () => {
    const failure = new FledgeError("download", "connection lost");
    async function* broken(): AsyncGenerator<Buffer> {
      yield packer(text).subarray(0, 1000);
      throw failure;
    }
    const read = async (): Promise<void> => {
      for await (const _ of decompress(broken(), { label: "blob", env, signal }));
    };
    await expect(read()).rejects.toBe(failure);
  });

  test("a reader who stops early ends it all", async () => {
    let isEnded = false;
    async function* source(): AsyncGenerator<Buffer> {
      try {
        yield* pieces(packer(text), 512);
      } finally {
        isEnded = true;
      }
    }
    for await (const _ of decompress(source(), { label: "blob", env, signal })) break;
    await expect.poll(() => isEnded).toBe(true);
  });
});

describe("gzip", () => {
  test("zeros may follow, nothing else", async () => {
    const packed = gzipSync(text);
    expect((await unpack(Buffer.concat([packed, Buffer.alloc(100_000)]))).equals(text)).toBe(true);
    for (const junk of ["junk", `${"\0".repeat(30_000)}junk`]) {
      await expect(unpack(Buffer.concat([packed, Buffer.from(junk)]))).rejects.toThrow(
        /something follows that is no gzip|incorrect header check/,
      );
    }
  });
});

describe("plain data", () => {
  test.each(["", "x", "hello", "BZh", "PK\u0003\u0004 and more"])("%j comes out as it went in", async (plain) => {
    expect((await unpack(Buffer.from(plain), 1)).toString()).toBe(plain);
  });
});

describeWith("zstd frames", [requireTools("zstd")], () => {
  const skippable = (size: number): Buffer => {
    const frame = Buffer.alloc(8 + size, 0xaa);
    frame.writeUInt32LE(0x184d2a57, 0);
    frame.writeUInt32LE(size, 4);
    return frame;
  };

  /** Each frame decoded on its own by the program. */
  async function decodeEach(packed: Buffer, step: number): Promise<string[]> {
    const frames: string[] = [];
    let open: Buffer[] = [];
    for await (const { bytes, isLast } of splitFrames(pieces(packed, step), 2 ** 31)) {
      open.push(Buffer.from(bytes));
      if (!isLast) continue;
      frames.push(spawnSync("zstd", ["-dc"], { input: Buffer.concat(open), maxBuffer: 2 ** 28 }).stdout.toString());
      open = [];
    }
    expect(open).toEqual([]);
    return frames;
  }

  test("every kind of header and block, skippable frames left out", async () => {
    const bodies = ["", "a", "x".repeat(300_000), text.toString(), "b".repeat(255), "c".repeat(70_000)];
    const packed = Buffer.concat([
      skippable(0),
      ...bodies.flatMap((body, i) => [
        pack(
          "zstd",
          ...([["--no-check"], ["-19"], ["--check"], ["--no-content-size"]][i % 4] as string[]),
        )(Buffer.from(body)),
        skippable(i * 1000),
      ]),
    ]);
    for (const step of [11, 997, packed.length]) expect(await decodeEach(packed, step)).toEqual(bodies);
  });

  test("a stream that begins with a skippable frame is zstd", async () => {
    const packed = Buffer.concat([skippable(5), pack("zstd", "-q")(Buffer.from("x")), skippable(9)]);
    expect((await unpack(packed)).toString()).toBe("x");
  });

  test("what is no frame is an error", async () => {
    await expect(decodeEach(Buffer.from("this is no zstd"), 5)).rejects.toThrow("no zstd frame");
    await expect(decodeEach(skippable(9).subarray(0, 12), 5)).rejects.toThrow("unexpected end");
    const packed = pack("zstd", "-q")(Buffer.from("x"));
    await expect(unpack(Buffer.concat([packed, Buffer.from("trailing junk")]))).rejects.toMatchObject({
      code: "source",
    });
  });
});

test("a missing program is named, with the way out", async () => {
  const read = async (): Promise<void> => {
    const packed = Buffer.from("fd377a585a000000", "hex");
    for await (const _ of decompress(pieces(packed), { label: "blob", env: { PATH: "/nonexistent" }, signal }));
  };
  await expect(read()).rejects.toMatchObject({
    code: "tool",
    message: "xz not found; needed to unpack what is compressed with xz",
  });
});

describeWith("a stream that wants much memory", [requireTools("zstd", "xz")], () => {
  const read = async (packed: Buffer, maxWindowBytes?: number): Promise<number> => {
    let bytes = 0;
    for await (const chunk of decompress(pieces(packed), { label: "blob", env, signal, maxWindowBytes }))
      bytes += chunk.length;
    return bytes;
  };

  test("zstd: a window is refused by its size, in any frame, unless it is allowed", async () => {
    const big = pack("zstd", "-q", "--long=28")(text);
    const small = pack("zstd", "-q")(text);
    for (const packed of [big, Buffer.concat([small, big])]) {
      await expect(read(packed)).rejects.toMatchObject({ bytes: 2 ** 28 });
      expect(await read(packed, 2 ** 28)).toBeGreaterThan(0);
    }
    expect(await read(pack("zstd", "-q", "--long=27")(text))).toBe(text.length);
  });

  test("xz: so is a dictionary", async () => {
    const packed = pack("xz", "--lzma2=preset=0,dict=256MiB")(text);
    await expect(read(packed)).rejects.toMatchObject({ bytes: undefined });
    expect(await read(packed, 2 ** 28)).toBe(text.length);
    expect(await read(pack("xz", "-9")(text))).toBe(text.length);
  });
});
