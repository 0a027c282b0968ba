import { arch } from "node:process";
import { FledgeError } from "./errors.ts";

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

// containerd/platforms: what an absent variant means. arm64 has only v8 in practice, amd64's v1 is the baseline.
const DEFAULT_VARIANTS: Readonly<Record<string, string>> = { arm64: "v8", arm: "v7", amd64: "v1" };
const ARM_VARIANTS = ["v8", "v7", "v6", "v5"];

/** `linux/arm64`, `linux/arm/v7` or just `arm64`. Throws a `config` error for anything else. */
export function parsePlatform(text: string): Platform {
  const parts = text.trim().toLowerCase().split("/");
  const [os = "", architecture = "", variant, ...more] = parts.length === 1 ? ["linux", ...parts] : parts;
  if (more.length > 0 || [os, architecture, variant ?? "-"].some((part) => !/^[a-z0-9_.-]+$/.test(part))) {
    throw new FledgeError("config", `"${text}" is not a platform`, {
      hint: 'write it like "linux/amd64", "linux/arm64" or "linux/arm/v7"',
    });
  }
  return {
    os,
    architecture: ARCHITECTURES[architecture] ?? architecture,
    ...(variant !== undefined && { variant }),
  };
}

/** Linux on this machine's processor: guests run Linux, whatever the host runs. */
export function hostPlatform(): Platform {
  return { os: "linux", architecture: ARCHITECTURES[arch] ?? arch };
}

export function formatPlatform(platform: Platform): string {
  const { os, architecture, variant } = platform;
  return [os, architecture, ...(variant === undefined ? [] : [variant])].join("/");
}

/**
 * The best of `candidates` for `wanted`, or undefined. The variant asked for comes first; 32-bit ARM also runs what was
 * made for older variants; without any variant in the index, what there is is taken.
 */
export function bestFor<T>(
  wanted: Platform,
  candidates: readonly T[],
  platformOf: (item: T) => Platform,
): T | undefined {
  const sameMachine = candidates.filter((item) => {
    const { os, architecture } = platformOf(item);
    return os === wanted.os && (ARCHITECTURES[architecture] ?? architecture) === wanted.architecture;
  });
  for (const variant of acceptable(wanted)) {
    const match = sameMachine.find((item) => (platformOf(item).variant ?? defaultVariant(wanted)) === variant);
    if (match !== undefined) return match;
  }
  return wanted.variant === undefined ? sameMachine.find((item) => platformOf(item).variant === undefined) : undefined;
}

function acceptable(wanted: Platform): string[] {
  const variant = wanted.variant ?? defaultVariant(wanted);
  if (variant === undefined) return [];
  if (wanted.architecture !== "arm") return [variant];
  return ARM_VARIANTS.slice(Math.max(0, ARM_VARIANTS.indexOf(variant)));
}

function defaultVariant(platform: Platform): string | undefined {
  return DEFAULT_VARIANTS[platform.architecture];
}
