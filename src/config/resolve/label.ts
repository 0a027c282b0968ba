import type { ResolvedPlugin } from "../../contract/plugin.ts";
import { formatPlatform } from "../../lib/platform.ts";

/** What a plugin is called in events and messages: its name, and where that is not enough its platform. */
export function labelOf({ name, label = name }: Pick<ResolvedPlugin, "name" | "label">): string {
  return label;
}

/** The same plugins, those of one name with labels that tell them apart. */
export function labelled(plugins: readonly ResolvedPlugin[]): ResolvedPlugin[] {
  const isShared = (name: string): boolean => plugins.filter((plugin) => plugin.name === name).length > 1;
  return plugins.map((plugin) =>
    isShared(plugin.name)
      ? Object.freeze({ ...plugin, label: `${plugin.name} (${formatPlatform(plugin.platform)})` })
      : plugin,
  );
}
