import { formatPlatform, hostPlatform, type Platform, parsePlatform } from "../../lib/platform.ts";
import { didYouMean } from "../../lib/suggest.ts";
import type { Report, ResolveInput } from "./report.ts";

/** Those that container images are published for. */
const KNOWN = ["amd64", "arm64", "arm", "386", "riscv64", "ppc64le", "s390x", "loong64", "mips64le"];

/** What was asked for on the command line, else the config's, else this machine's. */
export function resolvePlatform({ values, platform }: ResolveInput, report: Report): Platform {
  if (values.platform !== undefined && values.platforms !== undefined) {
    report.problem("platform and platforms exclude each other", "leave one of them out");
  }
  const written = platform ?? values.platform;
  const resolved = parsePlatform(written ?? report.note("platform", formatPlatform(hostPlatform()), "this machine"));
  if (resolved.os !== "linux") report.problem(`platform: "${written}" is not linux, which every guest of Volant runs`);
  if (!KNOWN.includes(resolved.architecture)) {
    const hint = didYouMean(resolved.architecture, KNOWN);
    report.problem(`platform: "${resolved.architecture}" is not an architecture that Linux guests have`, hint);
  }
  return resolved;
}
