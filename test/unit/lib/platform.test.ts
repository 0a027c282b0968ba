import { describe, expect, it } from "vitest";
import { bestFor, formatPlatform, hostPlatform, parsePlatform } from "../../../src/lib/platform.ts";

describe("parsePlatform", () => {
  it.each([
    ["linux/amd64", "linux/amd64"],
    ["linux/x86_64", "linux/amd64"],
    ["arm64", "linux/arm64"],
    ["aarch64", "linux/arm64"],
    ["linux/arm/v7", "linux/arm/v7"],
    ["Linux/ARM64/v8", "linux/arm64/v8"],
  ])("reads %s as %s", (text, expected) => {
    expect(formatPlatform(parsePlatform(text))).toBe(expected);
  });

  it.each(["", "linux/", "/amd64", "linux/arm/v7/x", "linux amd64"])("refuses %j", (text) => {
    expect(() => parsePlatform(text)).toThrow("is not a platform");
  });

  it("has a default", () => {
    expect(hostPlatform()).toMatchObject({ os: "linux" });
  });
});

describe("bestFor", () => {
  const pick = (wanted: string, ...offered: string[]) =>
    bestFor(parsePlatform(wanted), offered, (text) => {
      const [os = "", architecture = "", variant] = text.split("/");
      return { os, architecture, ...(variant !== undefined && { variant }) };
    });

  it.each([
    ["linux/amd64", ["linux/arm64", "linux/amd64"], "linux/amd64"],
    ["linux/amd64", ["linux/amd64/v3", "linux/amd64"], "linux/amd64"],
    ["linux/amd64", ["linux/amd64/v3"], undefined],
    ["linux/amd64/v3", ["linux/amd64", "linux/amd64/v3"], "linux/amd64/v3"],
    ["linux/arm64", ["linux/arm/v7", "linux/arm64/v8"], "linux/arm64/v8"],
    ["linux/arm64/v8", ["linux/arm64"], "linux/arm64"],
    ["linux/arm/v7", ["linux/arm/v5", "linux/arm/v6"], "linux/arm/v6"],
    ["linux/arm/v6", ["linux/arm/v7", "linux/arm/v5"], "linux/arm/v5"],
    ["linux/arm", ["linux/arm/v6", "linux/arm/v7"], "linux/arm/v7"],
    ["linux/amd64/v3", ["linux/amd64"], "linux/amd64"],
    ["linux/amd64/v3", ["linux/amd64/v4", "linux/amd64", "linux/amd64/v2"], "linux/amd64/v2"],
    ["linux/amd64/v2", ["linux/amd64/v3"], undefined],
    ["linux/amd64", ["linux/amd64/v1"], "linux/amd64/v1"],
    ["linux/amd64", ["linux/X86_64"], "linux/X86_64"],
    ["linux/arm64", ["linux/arm64/8"], "linux/arm64/8"],
    ["linux/arm64", ["linux/arm64/v8.0"], "linux/arm64/v8.0"],
    ["linux/arm64/v8.2", ["linux/arm64/v8.4", "linux/arm64", "linux/arm64/v8.1"], "linux/arm64/v8.1"],
    ["linux/arm64", ["linux/arm64/v8.1"], undefined],
    ["linux/arm64/v9", ["linux/arm64/v8.6", "linux/arm64/v8", "linux/arm64/v8.5"], "linux/arm64/v8.5"],
    ["linux/arm64/v9.2", ["linux/arm64/v8.7", "linux/arm64/v9.1"], "linux/arm64/v9.1"],
    ["linux/arm64", ["linux/arm/v8"], undefined],
    ["linux/arm/v8", ["linux/arm/v6", "linux/arm"], "linux/arm"],
    ["linux/arm/7", ["linux/arm/v7"], "linux/arm/v7"],
    ["linux/armhf", ["linux/arm/v6", "linux/arm/v7"], "linux/arm/v7"],
    ["linux/armel", ["linux/arm/v7", "linux/arm/v6"], "linux/arm/v6"],
    ["linux/386", ["linux/i386/sse2"], "linux/i386/sse2"],
    ["linux/amd64", ["linux/386"], undefined],
    ["linux/ppc64le/power9", ["linux/ppc64le"], "linux/ppc64le"],
    ["linux/ppc64le", ["linux/ppc64le/power9"], undefined],
    ["linux/riscv64", ["linux/amd64", "linux/riscv64"], "linux/riscv64"],
    ["linux/s390x", ["windows/amd64", "linux/amd64"], undefined],
    ["linux/amd64", ["windows/amd64", "unknown/unknown"], undefined],
  ])("%s of %j is %s", (wanted, offered, expected) => {
    expect(pick(wanted, ...offered)).toBe(expected);
  });
});
