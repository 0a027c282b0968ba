import { basename, dirname, join, resolve } from "node:path";
import type { AnyPlugin } from "../config/define.ts";
import type { LoadOptions } from "../config/project.ts";
import type { ResolvedPlugin } from "../contract/plugin.ts";
import type { Env } from "../lib/context.ts";
import { FledgeError } from "../lib/errors.ts";
import { didYouMean } from "../lib/suggest.ts";
import { BUILDERS, type BuilderName, type DockerfileOptions } from "../sources/engines/options.ts";

/** The parsed values of DOCKERFILE_FLAGS. */
export type DockerfileArgs = {
  readonly dockerfile?: string;
  readonly context?: string;
  readonly target?: string;
  readonly "build-arg"?: readonly string[];
  readonly secret?: readonly string[];
  readonly builder?: string;
  /** Empty when the flag has no value. */
  readonly "output-initramfs"?: string;
};

/** `Dockerfile`, `Containerfile`, `Dockerfile.dev`, `app.dockerfile`. */
export function isDockerfile(path: string): boolean {
  return /^(?:docker|container)file(?:\..+)?$|\.(?:docker|container)file$/i.test(basename(path));
}

/** Throws a `usage` error for a flag that says how to build a Dockerfile where there is none. */
export function requireDockerfile(args: DockerfileArgs): void {
  const { dockerfile: _file, "build-arg": buildArgs = [], secret = [], ...others } = args;
  const flags = ["context", "target", "builder", "output-initramfs"] as const;
  const given = [
    ...flags.filter((flag) => others[flag] !== undefined),
    ...(buildArgs.length > 0 ? ["build-arg"] : []),
    ...(secret.length > 0 ? ["secret"] : []),
  ];
  if (given.length === 0) return;
  throw new FledgeError("usage", `--${given[0]} is for a Dockerfile, and none was named`, {
    hint: `fledge build ./Dockerfile --${given[0]} ...; a config has source.dockerfile and its neighbours`,
  });
}

/** Whether both a disk and an initramfs are asked for. */
export function wantsBoth({ output, ...args }: DockerfileArgs & { readonly output?: string }): boolean {
  return output !== undefined && Boolean(args["output-initramfs"]);
}

/** The plugins of a Dockerfile without a config: a disk, an initramfs, or both. Artifacts go to the working folder. */
export async function loadDockerfile(
  file: string,
  args: DockerfileArgs & { readonly output?: string },
  shared: LoadOptions & { readonly env: Env },
): Promise<ResolvedPlugin[]> {
  const { loadPlugins } = await import("../config/project.ts");
  const { output, "output-initramfs": archive } = args;
  const manifestFile = shared.manifestFile && resolve(shared.manifestFile);
  const common = { ...shared, ...(manifestFile && { manifestFile }), cwd: dirname(resolve(file)) };
  const source = sourceOf(file, args, shared.env);
  const load = async (config: AnyPlugin, to: string | undefined): Promise<ResolvedPlugin[]> =>
    await loadPlugins({ ...common, config, ...destination(to) });
  if (archive === undefined) return await load({ strategy: "oci_rootfs", source }, output);
  if (!wantsBoth(args)) return await load({ strategy: "initramfs", source }, archive || output);
  const [disk] = await load({ strategy: "oci_rootfs", source }, output);
  // Volant knows a plugin by its name, and the manifests may end up in one folder.
  const name = `${disk?.name}-initramfs`;
  const [initramfs] = await load({ strategy: "initramfs", name, source }, archive);
  return [disk, initramfs && withManifest(initramfs)].filter((plugin) => plugin !== undefined);
}

/** `-o` is relative to where the command runs, not to the Dockerfile, whose folder gives the name. */
function destination(output: string | undefined): Pick<LoadOptions, "output" | "outDir"> {
  if (output === undefined) return { outDir: resolve(".") };
  return { output: `${resolve(output)}${output.endsWith("/") ? "/" : ""}` };
}

function withManifest(plugin: ResolvedPlugin): ResolvedPlugin {
  return Object.freeze({ ...plugin, manifestFile: join(plugin.outDir, `${plugin.name}.manifest.json`) });
}

function sourceOf(file: string, args: DockerfileArgs, env: Env): DockerfileOptions {
  const { context, target, builder, "build-arg": buildArgs = [], secret = [] } = args;
  return {
    dockerfile: resolve(file),
    ...(context !== undefined && { context: resolve(context) }),
    ...(target !== undefined && { target }),
    ...(builder !== undefined && { builder: builderOf(builder) }),
    buildArgs: Object.fromEntries(buildArgs.map((text) => buildArgOf(text, env))),
    secrets: Object.fromEntries(secret.map(secretOf)),
  };
}

function builderOf(name: string): BuilderName {
  const known = BUILDERS.find((builder) => builder === name);
  if (known !== undefined) return known;
  throw new FledgeError("usage", `--builder ${name}: there is no such builder`, { hint: didYouMean(name, BUILDERS) });
}

/** `NAME=VALUE`, or `NAME` alone for the variable of that name. */
function buildArgOf(text: string, env: Env): [name: string, value: string] {
  const [, name, , value] = /^([A-Za-z_]\w*)(=(.*))?$/s.exec(text) ?? [];
  if (name === undefined) {
    throw new FledgeError("usage", "--build-arg needs NAME=VALUE", { hint: "--build-arg VERSION=1.2.3" });
  }
  const given = value ?? env[name];
  if (given !== undefined) return [name, given];
  throw new FledgeError("usage", `--build-arg ${name} has no value, and ${name} is not set in the environment`, {
    hint: `--build-arg ${name}=VALUE`,
  });
}

type SecretFrom = NonNullable<DockerfileOptions["secrets"]>[string];

/** As docker has it: `id=ID,src=FILE`, `id=ID,env=NAME`, or `id=ID` for the variable of that name. */
function secretOf(text: string): [id: string, from: SecretFrom] {
  const fields = new Map(text.split(",").map((field) => splitOnce(field)));
  const { id, src, source, env, type, ...unknown } = Object.fromEntries(fields);
  const file = src ?? source;
  const isBad = Object.keys(unknown).length > 0 || (type !== undefined && type !== "file" && type !== "env");
  if (!id || !/^\w[\w.-]*$/.test(id) || isBad || (file !== undefined && env !== undefined)) {
    throw new FledgeError("usage", "--secret needs id=ID,src=FILE or id=ID,env=NAME", {
      hint: "--secret id=npm,src=.npmrc",
    });
  }
  return [id, file === undefined ? { env: env ?? id } : { file: resolve(file) }];
}

function splitOnce(field: string): [key: string, value: string] {
  const equals = field.indexOf("=");
  return equals < 0 ? [field, ""] : [field.slice(0, equals), field.slice(equals + 1)];
}
