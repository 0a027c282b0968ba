import { didYouMean } from "../../lib/suggest.ts";
import type { Platform } from "./plugin.ts";
import type { Report, ResolveInput } from "./report.ts";

// The names of Node and of uname, in those of the image-spec (GOARCH).
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: "amd64",
  x86_64: "amd64",
  aarch64: "arm64",
  ia32: "386",
};

/** Those that container images are published for. */
const KNOWN = ["amd64", "arm64", "arm", "386", "riscv64", "ppc64le", "s390x", "loong64", "mips64le"];

/** `linux/amd64`, or the architecture alone, as an object. */
export function parsePlatform(text: string): Platform {
  const parts = text.split("/");
  const [os, architecture = "", variant] = parts.length === 1 ? ["linux", ...parts] : parts;
  const platform = { os: os ?? "linux", architecture: ARCHITECTURES[architecture] ?? architecture };
  return variant === undefined ? platform : { ...platform, variant };
}

/** The platform of this machine as a guest sees it: always linux. */
export function hostPlatform(): string {
  return `linux/${ARCHITECTURES[process.arch] ?? process.arch}`;
}

/** What was asked for on the command line, else the config's, else this machine's. */
export function resolvePlatform({ values, platform }: ResolveInput, report: Report): Platform {
  const written = platform ?? values.platform;
  const resolved = parsePlatform(written ?? report.note("platform", hostPlatform(), "this machine"));
  if (resolved.os !== "linux") report.problem(`platform: "${written}" is not linux, which every guest of Volant runs`);
  if (!KNOWN.includes(resolved.architecture)) {
    const hint = didYouMean(resolved.architecture, KNOWN);
    report.problem(`platform: "${resolved.architecture}" is not an architecture that Linux guests have`, hint);
  }
  return resolved;
}
