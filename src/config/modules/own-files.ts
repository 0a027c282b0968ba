import { existsSync, readdirSync } from "node:fs";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";

/** The name that configs import, whether or not the project has it installed. */
export const PACKAGE = "@volantvm/fledge";

/** In the URL of a config's first import; the module hooks know configs by it and leave all other imports alone. */
export const CONFIG_MARK = "?fledge-config";

/** In fledge's own repository: the namespace of a tsx that compiles the hooks, and what configs share of the sources. */
export const HOOK_NAMESPACE = "fledge-hook";

/** What a bundled preset is called in `extends` and imports, with its name in the first group. */
export const PRESET_SPEC: RegExp = new RegExp(`^${PACKAGE}/presets/([^/]+)$`);

/** The folder of the running fledge, as a URL without a slash at its end; each of its exports is a folder in there. */
export const OWN_FOLDER_URL: string = new URL("../..", import.meta.url).href.replace(/\/$/, "");

/** The entry of an exported folder: .js where fledge is installed, .ts in its own repository. */
export const OWN_ENTRY: string = `index${extname(fileURLToPath(import.meta.url))}`;

const EXPORT = /^(|\/presets\/[\w-]+|\/testing)$/;

/** The URL of the module that a name of fledge's package means in the running fledge. */
export function ownEntry(specifier: string): string | undefined {
  const folder = specifier.slice(PACKAGE.length);
  if (!specifier.startsWith(PACKAGE) || !EXPORT.test(folder)) return undefined;
  return `${OWN_FOLDER_URL}${folder}/${OWN_ENTRY}`;
}

/** Whether a URL is one of those. */
export function isOwnEntry(url: string): boolean {
  const entry = `/${OWN_ENTRY}`;
  if (!url.startsWith(OWN_FOLDER_URL) || !url.endsWith(entry)) return false;
  return EXPORT.test(url.slice(OWN_FOLDER_URL.length, -entry.length));
}

/** The file that "@volantvm/fledge/presets/NAME" means where the project has no fledge of its own. */
export function bundledPreset(spec: string): string | undefined {
  const [, name] = PRESET_SPEC.exec(spec) ?? [];
  if (name === undefined) return undefined;
  const file = fileURLToPath(`${OWN_FOLDER_URL}/presets/${name}/${OWN_ENTRY}`);
  return existsSync(file) ? file : undefined;
}

/** The names of the bundled presets. */
export function bundledPresetNames(): string[] {
  const entries = readdirSync(fileURLToPath(`${OWN_FOLDER_URL}/presets`), { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}
