import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ResolvedInitramfs } from "../../src/contract/plugin.ts";
import { DEFAULT_SOURCE_LIMITS } from "../../src/sources/limits-options.ts";
import { smallElf } from "./elf.ts";
import { tempDir } from "./temp.ts";

/** The least that can be built: an initramfs whose /init is a static program that does nothing. */
export function smallPlugin(overrides: Partial<ResolvedInitramfs> = {}): ResolvedInitramfs {
  const baseDir = tempDir();
  const program = join(baseDir, "program");
  writeFileSync(program, smallElf(), { mode: 0o755 });
  return {
    strategy: "initramfs",
    name: "small",
    version: "1.0.0",
    baseDir,
    outDir: join(baseDir, "out"),
    platform: { os: "linux", architecture: "amd64" },
    mappings: [{ from: program, to: "/init", key: 'mappings["program"]' }],
    registries: {},
    limits: DEFAULT_SOURCE_LIMITS,
    guest: { kernel: "stock" },
    manifest: { workload: { baseUrl: "http://127.0.0.1:8080" } },
    hooks: [],
    stages: [],
    notes: [],
    warnings: [],
    init: { mode: "none" },
    archive: { compression: "none" },
    ...overrides,
  };
}
