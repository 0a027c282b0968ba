import { describe, expect, it } from "vitest";
import { digestFrom, digestFromHex, hexOf, parseDigest, sha256 } from "../../../src/lib/digest.ts";

const HEX = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"; // of "abc", FIPS 180-2

it("hashes texts and bytes alike", () => {
  expect(sha256("abc")).toBe(`sha256:${HEX}`);
  expect(sha256(Buffer.from("abc"))).toBe(`sha256:${HEX}`);
  expect(hexOf(sha256("abc"))).toBe(HEX);
});

describe("parseDigest", () => {
  it.each([HEX, `sha256:${HEX}`, ` SHA256:${HEX.toUpperCase()}\n`])("reads %j", (text) => {
    expect(parseDigest(text, "x")).toBe(`sha256:${HEX}`);
  });

  it.each(["", "sha256:", HEX.slice(1), `${HEX}0`, `sha512:${HEX}`, HEX.replace("b", "g"), `${HEX}  file`])(
    "refuses %j and names the place",
    (text) => {
      expect(() => parseDigest(text, "agent.checksum")).toThrow(
        expect.objectContaining({
          code: "config",
          message: `agent.checksum: "${text}" is not a sha256 checksum`,
          hint: "write sha256: followed by 64 hex digits, as sha256sum prints them",
        }),
      );
    },
  );
});

describe("digestFrom", () => {
  it("takes what is a digest letter for letter", () => {
    expect(digestFrom(`sha256:${HEX}`)).toBe(`sha256:${HEX}`);
    expect(digestFromHex(HEX)).toBe(`sha256:${HEX}`);
  });

  it.each([
    "",
    HEX,
    "sha256:",
    `sha256:${HEX.toUpperCase()}`,
    `sha256:${HEX}\n`,
    ` sha256:${HEX}`,
    `sha256:${HEX}/../x`,
    `sha256:../../${HEX.slice(6)}`,
    `sha256:\0${HEX.slice(1)}`,
    `sha512:${HEX}${HEX}`,
    `sha256:${"a".repeat(5000)}`,
    undefined,
    null,
    7,
    [`sha256:${HEX}`],
    { toString: () => `sha256:${HEX}` },
  ])("knows nothing else: %j", (text) => {
    expect(digestFrom(text)).toBeUndefined();
  });
});
