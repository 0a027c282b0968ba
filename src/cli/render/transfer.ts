import { relative } from "node:path";
import { formatSize } from "../../lib/bytes.ts";
import type { Published, Pulled, Pushed } from "../../publish/index.ts";
import { installCommand } from "../../volant/commands.ts";
import { gray, green, line, print, printJson } from "../terminal.ts";

type Options = { readonly json?: boolean; readonly quiet?: boolean };

/** Says what is in the registry now, and how to get it. */
export function pushedLines(pushed: Pushed, { json = false, quiet = false }: Options): void {
  if (json) printJson({ type: "push:done", ...pushed });
  if (json || quiet) return;
  const { reference, digest, platforms, sentBytes } = pushed;
  print([
    line`${green`✔`} ${reference}  ${gray`${digest}`}`,
    line`  platforms ${platforms.join(", ")}`,
    line`  sent      ${formatSize(sentBytes)}`,
    line`  get it    fledge pull ${reference}`,
  ]);
}

/** Says what was written, and how to install it. */
export function pulledLines(pulled: Pulled, { json = false, quiet = false }: Options): void {
  if (json) printJson({ type: "pull:done", ...pulled });
  if (json || quiet) return;
  const { artifact, manifest, digest } = pulled;
  print([
    line`${green`✔`} ${manifest.document.name} ${manifest.document.version}  ${gray`${digest}`}`,
    line`  artifact  ${relative("", artifact.path)}  ${formatSize(artifact.sizeBytes)}  ${gray`${artifact.digest}`}`,
    line`  manifest  ${relative("", manifest.path)}`,
    ...pulled.attached.map(({ path, type }) => line`  attached  ${relative("", path)}  ${gray`${type}`}`),
    line`  install   ${installCommand(manifest.path, process.cwd())}`,
  ]);
}

/** Says where plugins are now. */
export function publishedLines(
  plugins: readonly { readonly name: string; readonly places: readonly Published[] }[],
  { json = false, quiet = false }: Options,
): void {
  for (const { name, places } of plugins) {
    for (const place of places) {
      if (json) printJson({ type: "publish:done", plugin: name, ...place });
      if (json || quiet) continue;
      const { target, locations, sentBytes } = place;
      print([
        line`${green`✔`} ${name} ${gray`->`} ${target}`,
        line`  sent      ${formatSize(sentBytes)}`,
        ...locations.map((location) => line`  ${isManifest(location) ? "manifest" : "get it  "}  ${location}`),
      ]);
    }
  }
}

function isManifest(location: string): boolean {
  return location.endsWith(".manifest.json");
}
