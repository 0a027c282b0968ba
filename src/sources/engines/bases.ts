import { formatPlatform, hostPlatform, type Platform, parsePlatform } from "../../lib/platform.ts";
import { parseReference, type RegistryReference } from "../../registry/reference.ts";
import { frontendOf, type Instruction, instructionsOf, stageOf } from "./instructions.ts";

/** An image that a Dockerfile is made from. */
export type Base = {
  readonly instruction: Instruction;
  /** As it is written there: `golang:${VERSION}`. */
  readonly written: string;
  /** What that comes to. */
  readonly name: string;
  readonly reference: RegistryReference;
  readonly platform: Platform;
};

/** The images that a Dockerfile names, and what of it fetches something that no digest is known of. */
export type Bases = {
  readonly bases: readonly Base[];
  /** What is no image of a registry, or cannot be told before the build. */
  readonly unknown: readonly string[];
  readonly notes: readonly string[];
};

export type BaseOptions = { readonly buildArgs: Readonly<Record<string, string>>; readonly platform: Platform };

/** Reads what FROM and `COPY --from` name. Stages of the file itself and `scratch` are no images. */
export function basesOf(text: string, options: BaseOptions): Bases {
  const args = platformArgs(options.platform);
  const stages: string[] = ["scratch"];
  const bases: Base[] = [];
  const unknown: string[] = [];
  const take = (instruction: Instruction, written: string, given: string | undefined): void => {
    const name = expand(written, args);
    if (name !== undefined && (stages.includes(name.toLowerCase()) || /^\d+$/.test(name))) return;
    const base = name === undefined ? undefined : baseOf(name, given === undefined ? undefined : expand(given, args));
    if (base === undefined) unknown.push(instruction.text);
    else bases.push({ instruction, written, ...base, platform: base.platform ?? options.platform });
  };
  for (const instruction of instructionsOf(text)) {
    const { words } = instruction;
    const flag = (name: string): string | undefined =>
      words.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3);
    switch (instruction.keyword) {
      case "ARG":
        // After the first FROM it is of a stage, and says nothing to the next FROM.
        if (stages.length === 1) declare(words, args, options.buildArgs);
        break;
      case "FROM": {
        const { image, name } = stageOf(instruction);
        if (image !== undefined) take(instruction, image, flag("platform"));
        stages.push(name.toLowerCase());
        break;
      }
      case "COPY": {
        const from = flag("from");
        if (from !== undefined) take(instruction, from, undefined);
      }
    }
  }
  return { bases, unknown, notes: notesOn(text, stages) };
}

/** The file with digests instead of the names of bases that `digestOf` knows; its other lines stay where they are. */
export function withDigests(
  text: string,
  bases: readonly Base[],
  digestOf: (base: Base) => string | undefined,
): string {
  const lines = text.split("\n");
  for (const base of bases) {
    const digest = digestOf(base);
    if (digest === undefined) continue;
    const { line, lines: count, text: instruction } = base.instruction;
    const { registry, repository } = base.reference;
    const pinned = `${registry}/${repository}@${digest}`;
    const [keyword = "", ...words] = instruction.split(/\s+/);
    const isFrom = base.instruction.keyword === "FROM";
    const word = isFrom ? base.written : `--from=${base.written}`;
    const at = words.indexOf(word);
    words[at] = isFrom ? pinned : `--from=${pinned}`;
    if (isFrom) lines.splice(line, count, [keyword, ...words].join(" "), ...Array<string>(count - 1).fill(""));
    // The rest of it may be quoted, and is not to be put together anew.
    else {
      const own = lines.slice(line, line + count).join("\n");
      lines.splice(line, count, ...own.replace(word, () => words[at] as string).split("\n"));
    }
  }
  return lines.join("\n");
}

function baseOf(
  name: string,
  platform: string | undefined,
): { name: string; reference: RegistryReference; platform?: Platform } | undefined {
  try {
    const reference = parseReference(name);
    // What podman and buildah call their own images, which no registry has.
    if (reference.kind !== "registry" || reference.registry === "localhost") return undefined;
    return { name, reference, ...(platform !== undefined && { platform: parsePlatform(platform) }) };
  } catch {
    return undefined;
  }
}

type Args = Map<string, string>;

/** What builders know by themselves. */
function platformArgs(target: Platform): Args {
  const args: Args = new Map();
  for (const [prefix, platform] of [
    ["TARGET", target],
    ["BUILD", hostPlatform()],
  ] as const) {
    args.set(`${prefix}PLATFORM`, formatPlatform(platform));
    args.set(`${prefix}OS`, platform.os);
    args.set(`${prefix}ARCH`, platform.architecture);
    args.set(`${prefix}VARIANT`, platform.variant ?? "");
  }
  return args;
}

function declare(words: readonly string[], args: Args, given: Readonly<Record<string, string>>): void {
  for (const word of words) {
    const [, name, , value] = /^([A-Za-z_]\w*)(=(.*))?$/.exec(word) ?? [];
    if (name === undefined) continue;
    const own = given[name] ?? (value === undefined ? undefined : expand(unquoted(value), args));
    if (own !== undefined) args.set(name, own);
  }
}

function unquoted(text: string): string {
  return /^(["']).*\1$/.test(text) ? text.slice(1, -1) : text;
}

/** `$NAME`, `${NAME}`, `${NAME:-else}` and `${NAME:+then}`; undefined for what has no value, or is more than these. */
function expand(text: string, args: Args): string | undefined {
  let isKnown = true;
  const expanded = unquoted(text).replace(
    /\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?::([-+])([^${}]*))?\})/g,
    (_, plain: string | undefined, braced = "", operator?: string, word = "") => {
      const value = args.get(plain ?? braced) ?? "";
      if (operator === "-") return value === "" ? word : value;
      if (operator === "+") return value === "" ? "" : word;
      isKnown &&= value !== "" || (plain ?? braced).endsWith("VARIANT");
      return value;
    },
  );
  return isKnown && !expanded.includes("$") ? expanded : undefined;
}

/** What no digest can be given for, because only the build finds out what it is. */
function notesOn(text: string, stages: readonly string[]): string[] {
  const all = [...instructionsOf(text)];
  const runs = all.filter(({ keyword }) => keyword === "RUN");
  const adds = all.filter(({ text, keyword }) => keyword === "ADD" && /\s.*(?:https?:\/\/|git@)/i.test(text));
  const mounts = runs.flatMap((run) =>
    [...run.text.matchAll(/--mount=\S*\bfrom=([^,\s]+)/g)].map(([, from = ""]) => from),
  );
  const images = mounts.filter((from) => !stages.includes(from.toLowerCase()) && !/^\d+$/.test(from));
  const syntax = frontendOf(text);
  return [
    ...(runs.length === 0 ? [] : [`what its RUN instructions (${runs.length}) fetch is not held by a lock`]),
    ...(adds.length === 0 ? [] : [`what its ADD instructions fetch by URL (${adds.length}) is not held by a lock`]),
    ...images.map((image) => `the image of a mount, ${image}, is not held by a lock`),
    ...(syntax === undefined || syntax.includes("@sha256:") ? [] : [`its frontend, ${syntax}, is not held by a lock`]),
  ];
}
