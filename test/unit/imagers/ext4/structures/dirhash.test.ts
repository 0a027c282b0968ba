import { expect, test } from "vitest";
import { dirHash, type HashSeed } from "../../../../../src/imagers/ext4/structures/dirhash.ts";
import type { ByteString } from "../../../../../src/lib/bytes.ts";
import { run } from "../../../../helpers/disk.ts";
import { requireTools, unmet } from "../../../../helpers/requirements.ts";

const UUID = "deadbeef-dead-4ead-8ead-deadbeef0000";
const SEED: HashSeed = [0xefbeadde, 0xad4eadde, 0xaddead8e, 0x0000efbe];

// As `debugfs -R "dx_hash -h half_md4 -s UUID NAME"` prints them.
test.each([
  ["a", 0x5538916c],
  ["hello.txt", 0x093b83d6],
  ["entry_00000_pad", 0xe289c2b4],
  ["entry_00207_pad", 0x00663894],
])("half MD4 of %s", (name, hash) => {
  expect(dirHash(name as ByteString, SEED)).toBe(hash);
});

const NAMES = ["x", "1234567890".repeat(3), "n".repeat(32), "n".repeat(33), "m".repeat(64), "long ".repeat(40), "ü"];

test.skipIf(unmet(requireTools("debugfs")) !== undefined).each(NAMES)("debugfs agrees about %s", (name) => {
  const printed = run("debugfs", ["-R", `dx_hash -h half_md4 -s ${UUID} "${name}"`]);
  const raw = Buffer.from(name, "utf8").toString("latin1") as ByteString;
  expect(Number(/is (0x[0-9a-f]+)/.exec(printed)?.[1])).toBe(dirHash(raw, SEED));
});
