import type { z } from "zod";
import type { DescribedPreset } from "../config/preset.ts";

type BundledPreset = { readonly default: Pick<DescribedPreset<z.ZodObject>, "preset"> };

/** Every bundled preset, loaded when it is asked for. One without a description, options or a place does not compile. */
export const PRESETS = {
  caddy: () => import("./caddy/index.ts"),
  debian: () => import("./debian/index.ts"),
  nginx: () => import("./nginx/index.ts"),
  node: () => import("./node/index.ts"),
  postgres: () => import("./postgres/index.ts"),
  python: () => import("./python/index.ts"),
  redis: () => import("./redis/index.ts"),
  "static-binary": () => import("./static-binary/index.ts"),
} as const satisfies Readonly<Record<string, () => Promise<BundledPreset>>>;

export type PresetName = keyof typeof PRESETS;
