import { basename, dirname } from "node:path";
import { formatPlatform, hostPlatform, type Platform, parsePlatform } from "../../lib/platform.ts";
import { didYouMean } from "../../lib/suggest.ts";
import { type Strategy, strategies, strategyKeys } from "../schema.ts";
import type { Report, ResolveInput } from "./report.ts";

const DEFAULT_VERSION = "0.1.0";

/** The strategy, and that no key of the other one was written. */
export function resolveStrategy({ values, layers }: ResolveInput, report: Report): Strategy | undefined {
  const { strategy } = values;
  if (strategy === undefined) {
    return report.problem("strategy: is missing", 'write strategy: "oci_rootfs" (a disk image) or "initramfs"');
  }
  const inferred = layers.flatMap((layer) => layer.inferred).find(({ key }) => key === "strategy");
  if (inferred !== undefined) report.note("strategy", strategy, inferred.from);
  for (const other of strategies.filter((name) => name !== strategy)) {
    for (const key of strategyKeys[other]) {
      if (values[key as keyof typeof values] === undefined) continue;
      report.problem(`${key}: belongs to the ${other} strategy, and this is ${aOrAn(strategy)}`, `remove ${key}`);
    }
  }
  return strategy;
}

/** The name: as written, else the image's last path component, else the folder's. */
export function resolveName({ values, file }: ResolveInput, report: Report): string {
  if (values.name !== undefined) return values.name;
  const { source } = values;
  if (source !== undefined && "image" in source) {
    const name = sanitise(imageName(source.image));
    if (name !== "") return report.note("name", name, `source.image ${source.image}`);
  }
  const folder = basename(dirname(file));
  const name = sanitise(folder);
  if (name !== "") return report.note("name", name, `the folder "${folder}"`);
  report.problem("name: is missing, and the folder's name cannot serve", 'write name: "..."');
  return "";
}

export function resolveVersion({ values }: ResolveInput, report: Report): string {
  return values.version ?? report.note("version", DEFAULT_VERSION, "default");
}

/** The last path component of a reference, without transport, tag and digest. */
function imageName(reference: string): string {
  const transport = /^(oci|oci-archive|docker-archive):/.exec(reference)?.[0];
  const rest = reference.slice(transport?.length ?? 0).replace(/^(docker:\/\/|docker-daemon:|containers-storage:)/, "");
  const last = (rest.split("@")[0] ?? "").split("/").at(-1) ?? "";
  const name = last.split(":")[0] ?? "";
  return transport === undefined ? name : name.replace(/\.(tar|tgz|tar\.gz)$/, "");
}

/** What of a text can serve as a plugin's name; empty when nothing can. */
export function sanitise(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, "-")
    .replace(/^[^a-z0-9]+|-+$/g, "");
}

function aOrAn(strategy: Strategy): string {
  return `an ${strategy}`;
}

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
