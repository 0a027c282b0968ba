import type { ArgsDef } from "citty";

/** The flags of every command that loads a recipe. */
export const RECIPE_FLAGS = {
  targets: {
    type: "positional",
    required: false,
    description:
      "Folders, config files, Dockerfiles, or names of plugins in this folder's config or workspace (default: all of them)",
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
  declarative: {
    type: "boolean",
    description: "Take data only: TOML, and no presets that are code but fledge's own",
  },
  "allow-preset": {
    type: "string",
    valueHint: "NAME",
    description: "With --declarative, a preset that may be code, as `extends` names it; may be given several times",
  },
  platform: {
    type: "string",
    valueHint: "OS/ARCH,...",
    description: "Platform of the guest (default: the host's), or several",
  },
  json: { type: "boolean", description: "Print JSON on stdout" },
} as const satisfies ArgsDef;

/** What a build is held to. */
export const LOCK_FLAGS = {
  frozen: {
    type: "boolean",
    description: "Fail when fledge.lock does not hold all that is fetched (default with a lock, when CI is set)",
  },
  offline: { type: "boolean", description: "Use no network: fail when something is not in the cache" },
} as const satisfies ArgsDef;

const { output: _output, ...READING } = RECIPE_FLAGS;

/** Those of a command that loads a recipe and is not asked where artifacts go. */
export const READING_FLAGS = READING;

/** How many builds may run at once. */
export const JOBS_FLAG = {
  jobs: {
    type: "string",
    alias: "j",
    valueHint: "N",
    description: "How many plugins are built at once (default: one per core that has 256 MiB of memory)",
  },
} as const satisfies ArgsDef;

/** The flags of a Dockerfile without a config, as docker has them. */
export const DOCKERFILE_FLAGS = {
  dockerfile: { type: "string", valueHint: "FILE", description: "Dockerfile to build, whatever it is called" },
  context: { type: "string", valueHint: "DIR", description: "Its build context (default: the Dockerfile's folder)" },
  target: { type: "string", valueHint: "NAME", description: "Its stage to build (default: the last)" },
  "build-arg": {
    type: "string",
    valueHint: "NAME[=VALUE]",
    description: "A value for ARG; may be given several times",
  },
  secret: {
    type: "string",
    valueHint: "id=ID,src=FILE",
    description: "For RUN --mount=type=secret; or id=ID,env=NAME; may be given several times",
  },
  builder: {
    type: "string",
    valueHint: "NAME",
    description: "buildkit, docker, podman or buildah (default: what works)",
  },
  "output-initramfs": {
    type: "string",
    valueHint: "FILE",
    description: "Make an initramfs of it; with --output a disk as well",
  },
} as const satisfies ArgsDef;

/** A build that another machine does. */
export const REMOTE_FLAGS = {
  remote: {
    type: "string",
    valueHint: "URL",
    description: "Have a fledge serve build it: https://HOST, http://HOST:PORT or unix:///PATH",
  },
  "token-file": { type: "string", valueHint: "FILE", description: "Its token (default: FLEDGE_TOKEN)" },
  queue: {
    type: "string",
    valueHint: "URL",
    description: "Have a farm of fledge workers build it: redis://HOST or postgres://HOST/DATABASE, with --store",
  },
  store: {
    type: "string",
    valueHint: "PLACE",
    description: "Where projects and artifacts of a farm travel: REGISTRY/REPOSITORY, or s3://BUCKET[/PREFIX]",
  },
  label: {
    type: "string",
    valueHint: "NAME",
    description: "What a worker must have beside what the plugin needs; may be given several times",
  },
  include: {
    type: "string",
    valueHint: "PATH",
    description: "Send this too, which hooks read by themselves; may be given several times",
  },
  "bundle-root": {
    type: "string",
    valueHint: "DIR",
    description: "Send files below this folder (default: the repository, else the config's folder)",
  },
} as const satisfies ArgsDef;

/** Those of a command that builds for others, until it is ended. */
export const BUILDER_FLAGS = {
  declarative: {
    type: "boolean",
    description: "Build data only: TOML, and no presets that are code but fledge's own",
  },
  "allow-preset": RECIPE_FLAGS["allow-preset"],
  env: {
    type: "string",
    valueHint: "NAME",
    description: "Another variable that builds may see, a secret for instance; may be given several times",
  },
  jobs: {
    type: "string",
    alias: "j",
    valueHint: "N",
    description: "Builds at once (default: one per core that has 256 MiB)",
  },
  timeout: { type: "string", valueHint: "TIME", description: "What a build may take", default: "1h" },
  "cache-dir": {
    type: "string",
    valueHint: "DIR",
    description: "Where downloads are kept (default: $XDG_CACHE_HOME/fledge)",
  },
  quiet: { type: "boolean", alias: "q", description: "Say nothing but warnings and errors" },
  json: { type: "boolean", description: "Print what becomes of builds as JSON, a line each" },
} as const satisfies ArgsDef;

/** How a guest is booted. */
const KERNEL_FLAG = {
  on: {
    type: "string",
    valueHint: "NAME",
    description: "qemu (default) or cloud-hypervisor, which needs KVM and gives the guest no network",
  },
  kernel: {
    type: "string",
    valueHint: "FILE",
    description: "bzImage or vmlinux (default: guest.kernel, else FLEDGE_KERNEL, else the newest in /boot)",
  },
} as const satisfies ArgsDef;

export const MACHINE_FLAGS = {
  ...KERNEL_FLAG,
  forward: {
    type: "string",
    valueHint: "HOST:GUEST",
    description: "Port of 127.0.0.1 that leads to one of the guest's; may be given several times",
  },
  memory: { type: "string", valueHint: "MIB", description: "Memory of the guest (default: the manifest's)" },
  cpus: { type: "string", valueHint: "N", description: "Processors of the guest (default: the manifest's)" },
} as const satisfies ArgsDef;

export const BOOT_FLAGS = {
  ...KERNEL_FLAG,
  "skip-build": { type: "boolean", description: "Take what an earlier build has left" },
} as const satisfies ArgsDef;

/** Flags that may be given several times; a command gets all the values. */
export const REPEATABLE: ReadonlySet<string> = new Set([
  ...["forward", "allow-preset", "build-arg", "secret"],
  ...["root", "host", "env", "include", "attach", "label"],
]);

/** Flags whose value may be left out; it is empty then. */
export const VALUE_OPTIONAL: ReadonlySet<string> = new Set(["output-initramfs"]);

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
