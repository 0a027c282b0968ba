import { dirname } from "node:path";
import { resolveBudgets } from "../../budget/options.ts";
import type { ResolvedPlugin } from "../../contract/plugin.ts";
import { deepFreeze } from "../../lib/freeze.ts";
import { resolveLimits } from "../../sources/limits-options.ts";
import { configError } from "../explain.ts";
import type { Strategy } from "../schema.ts";
import { resolveArchive, resolveFilesystem, resolveOutputs, resolveSource } from "./artifact.ts";
import { resolveAgent, resolveBusybox, resolveInit, resolveMappings } from "./guest.ts";
import { resolveName, resolvePlatform, resolveStrategy, resolveVersion } from "./identity.ts";
import { Report, type ResolveInput } from "./report.ts";

/** Merged layers with every default filled in. Throws one `config` error with all that does not go together. */
export function resolvePlugin(input: ResolveInput): ResolvedPlugin {
  const report = new Report(input.file);
  const strategy = resolveStrategy(input, report);
  // Without it there is no saying what else is missing.
  if (strategy === undefined) throw configError(report.problems);
  const common = resolveCommon(input, strategy, report);
  const plugin = strategy === "initramfs" ? initramfs(input, common, report) : ociRootfs(input, common, report);
  if (report.problems.length > 0) throw configError(report.problems);
  return deepFreeze({ ...plugin, notes: report.notes, warnings: report.warnings });
}

type Common = ReturnType<typeof resolveCommon>;

function resolveCommon(input: ResolveInput, strategy: Strategy, report: Report) {
  const { values, merged, layers, file } = input;
  report.warnings.push(...layers.flatMap((layer) => layer.warnings));
  const name = resolveName(input, report);
  const version = resolveVersion(input, report);
  const platform = resolvePlatform(input, report);
  const source = resolveSource(input, { strategy }, report);
  const runtime = values.manifest?.runtime;
  return {
    name,
    version,
    ...(runtime !== undefined && { runtime }),
    baseDir: dirname(file),
    configFile: file,
    ...resolveOutputs(input, { name, platform }, report),
    platform,
    mappings: resolveMappings(input),
    ...(source !== undefined && { source }),
    ...(values.lock !== undefined && { lock: values.lock }),
    ...(values.test !== undefined && { test: values.test }),
    ...(values.budgets !== undefined && { budgets: resolveBudgets(values.budgets) }),
    ...(values.publish !== undefined && { publish: values.publish }),
    registries: values.registries ?? {},
    limits: resolveLimits(values.limits),
    guest: values.guest ?? { kernel: "stock" as const },
    manifest: values.manifest ?? {},
    // Copies, since the freezing must not reach what belongs to the user.
    hooks: merged.hooks.map(({ origin, hooks }) => ({ origin, hooks: { ...hooks } })),
    stages: merged.stages.map(({ origin, stage }) => ({ origin, stage: { ...stage } })),
    notes: report.notes,
    warnings: report.warnings,
  };
}

function initramfs(input: ResolveInput, common: Common, report: Report): ResolvedPlugin {
  const init = resolveInit(input);
  const agent = resolveAgent(input, { strategy: "initramfs", init }, report);
  const busybox = resolveBusybox(input, { init, platform: common.platform }, report);
  const archive = resolveArchive(input, report);
  return {
    ...common,
    strategy: "initramfs",
    init,
    ...(agent !== undefined && { agent }),
    ...(busybox !== undefined && { busybox }),
    archive,
  };
}

function ociRootfs(input: ResolveInput, common: Common, report: Report): ResolvedPlugin {
  const agent = resolveAgent(input, { strategy: "oci_rootfs", init: { mode: "none" } }, report);
  return {
    ...common,
    strategy: "oci_rootfs",
    ...(agent !== undefined && { agent }),
    filesystem: resolveFilesystem(input, common, report),
  };
}
