import type { ArgsDef } from "citty";

/** The flags of every command that loads a recipe. */
export const RECIPE_FLAGS = {
  targets: {
    type: "positional",
    required: false,
    description:
      "Folders, config files, or names of plugins in this folder's config or workspace (default: all of them)",
    valueHint: "DIR|FILE|NAME...",
  },
  filter: {
    type: "string",
    valueHint: "GLOB",
    description: "Only plugins whose name matches; several globs with commas between them",
  },
  config: { type: "string", alias: "c", valueHint: "FILE", description: "Config to read instead of looking for one" },
  manifest: {
    type: "string",
    alias: "m",
    valueHint: "FILE",
    description: "manifest.toml to read instead of the one beside it",
  },
  output: {
    type: "string",
    alias: "o",
    valueHint: "PATH",
    description: "Folder for the artifacts, or the artifact's file",
  },
  mode: {
    type: "string",
    valueHint: "NAME",
    description: 'What a function config gets as "mode"',
    default: "production",
  },
  platform: { type: "string", valueHint: "OS/ARCH", description: "Platform of the guest (default: the host's)" },
  json: { type: "boolean", description: "Print JSON on stdout" },
} as const satisfies ArgsDef;

/** How many builds may run at once. */
export const JOBS_FLAG = {
  jobs: {
    type: "string",
    alias: "j",
    valueHint: "N",
    description: "How many plugins are built at once (default: one per core that has 256 MiB of memory)",
  },
} as const satisfies ArgsDef;

/** How much is said, and where downloads are kept. */
export const RUN_FLAGS = {
  verbose: { type: "boolean", alias: "v", description: "Say where each value comes from, and the cause of an error" },
  quiet: { type: "boolean", alias: "q", description: "Say nothing but warnings and errors" },
  "cache-dir": {
    type: "string",
    valueHint: "DIR",
    description: "Where downloads are kept (default: $XDG_CACHE_HOME/fledge)",
  },
} as const satisfies ArgsDef;
