import { resolveCustomSource } from "../../sources/custom/options.ts";
import type { SourceOptions } from "../../sources/options.ts";
import type { Strategy } from "../schema.ts";
import type { Report, ResolveInput } from "./report.ts";

/** What the root starts from. A disk image must have it; an archive may. */
export function resolveSource(
  { values: { source } }: ResolveInput,
  { strategy }: { strategy: Strategy },
  report: Report,
): SourceOptions | undefined {
  if (source !== undefined && "custom" in source) return resolveCustomSource(source);
  if (source !== undefined || strategy === "initramfs") return source;
  return report.problem(
    "source: is missing; an oci_rootfs is made from something",
    'write source: { image: "nginx:alpine" }, or dockerfile, layout, archive, tar or dir',
  );
}
