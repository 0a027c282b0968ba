import { arch } from "node:process";
import { FledgeError } from "./errors.ts";
import { shortened } from "./shortened.ts";

/** What an image runs on, in the words of the Go toolchain (image-spec, image-index.md). */
export type Platform = { readonly os: string; readonly architecture: string; readonly variant?: string };

const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: "amd64",
  x86_64: "amd64",
  "x86-64": "amd64",
  aarch64: "arm64",
  ia32: "386",
  i386: "386",
  i686: "386",
  armhf: "arm",
  armel: "arm",
};

/** What names of an architecture say of its variant. */
const IMPLIED_VARIANTS: Readonly<Record<string, string>> = { armhf: "v7", armel: "v6" };

// What an absent variant means, as in containerd's platforms: the baseline, and on 32-bit ARM what people have.
const DEFAULT_VARIANTS: Readonly<Record<string, string>> = { arm64: "v8", arm: "v7", amd64: "v1" };

const LOWEST_ARM = 5;
/** Arm's v9.N has all of v8.(N+5). */
const ARM_V9_OFFSET = 5;
/** The last of the v8 line. */
const HIGHEST_ARM_V8_MINOR = 9;

/** `linux/arm64`, `linux/arm/v7` or just `arm64`. Throws a `config` error for anything else. */
export function parsePlatform(text: string): Platform {
  const parts = text.trim().toLowerCase().split("/");
  const [os = "", architecture = "", variant, ...more] = parts.length === 1 ? ["linux", ...parts] : parts;
  if (more.length > 0 || [os, architecture, variant ?? "-"].some((part) => !/^[a-z0-9_.-]+$/.test(part))) {
    throw new FledgeError("config", `"${text}" is not a platform`, {
      hint: 'write it like "linux/amd64", "linux/arm64" or "linux/arm/v7"',
    });
  }
  const said = variant ?? IMPLIED_VARIANTS[architecture];
  return {
    os,
    architecture: ARCHITECTURES[architecture] ?? architecture,
    ...(said !== undefined && { variant: said }),
  };
}

/** Linux on this machine's processor: guests run Linux, whatever the host runs. */
export function hostPlatform(): Platform {
  return { os: "linux", architecture: ARCHITECTURES[arch] ?? arch };
}

export function formatPlatform(platform: Platform): string {
  const { os, architecture, variant } = platform;
  return [os, architecture, ...(variant === undefined ? [] : [variant])].map((part) => shortened(part, 40)).join("/");
}

/** As containerd writes it: by the architecture's usual name, without the variant that every such machine has. */
export function normalPlatform(text: string): string {
  const { variant, ...platform } = parsePlatform(text);
  const isUsual = platform.architecture !== "arm" && variant === DEFAULT_VARIANTS[platform.architecture];
  return formatPlatform(variant === undefined || isUsual ? platform : { ...platform, variant });
}

/**
 * The best of `candidates` for `wanted`, or undefined: of the variants that it runs the newest (containerd, platforms.Only).
 * Another architecture is never taken, though processors may have it: the guest's kernel decides that.
 */
export function bestFor<T>(
  wanted: Platform,
  candidates: readonly T[],
  platformOf: (item: T) => Platform,
): T | undefined {
  const own = normalize(wanted);
  const sameMachine = candidates
    .map((item) => ({ item, ...normalize(platformOf(item)) }))
    .filter(({ os, architecture }) => os === own.os && architecture === own.architecture);
  for (const variant of acceptable(own)) {
    const match = sameMachine.find((candidate) => candidate.variant === variant);
    if (match !== undefined) return match.item;
  }
  return undefined;
}

type Normal = { readonly os: string; readonly architecture: string; readonly variant: string };

function normalize(platform: Platform): Normal {
  const written = platform.architecture.toLowerCase();
  const architecture = ARCHITECTURES[written] ?? written;
  const said = platform.variant?.toLowerCase() || IMPLIED_VARIANTS[written];
  return { os: platform.os.toLowerCase(), architecture, variant: variantOf(said, architecture) };
}

/** `8` and `v8.0` are `v8`. */
function variantOf(said: string | undefined, architecture: string): string {
  const byDefault = DEFAULT_VARIANTS[architecture];
  if (byDefault === undefined) return architecture === "386" ? "" : (said ?? "");
  const number = /^v?(\d+(?:\.[1-9]\d*)?)(?:\.0)?$/.exec(said ?? byDefault)?.[1];
  return number === undefined ? (said ?? byDefault) : `v${number}`;
}

/** The variants that a machine runs, the newest first. */
function acceptable({ architecture, variant }: Normal): string[] {
  const [, major = "", minor = "0"] = /^v(\d{1,2})(?:\.(\d{1,2}))?$/.exec(variant) ?? [];
  if (major === "") return variant === "" ? [""] : [variant, ""];
  switch (architecture) {
    case "amd64":
      return down(Number(major), 1).map((n) => `v${n}`);
    case "arm":
      return down(Number(major), LOWEST_ARM).map((n) => `v${n}`);
    case "arm64": {
      const minors = (of: number, from: number) => down(from, 0).map((n) => (n === 0 ? `v${of}` : `v${of}.${n}`));
      const own = minors(Number(major), Number(minor));
      const v8 = Math.min(Number(minor) + ARM_V9_OFFSET, HIGHEST_ARM_V8_MINOR);
      return major === "9" ? [...own, ...minors(8, v8)] : own;
    }
    default:
      return [variant, ""];
  }
}

/** The variant itself comes first, whatever it is. */
function down(from: number, to: number): number[] {
  return [from, ...Array.from({ length: Math.max(0, from - to) }, (_, i) => from - 1 - i)];
}
