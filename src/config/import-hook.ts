import { register } from "node:module";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";

/** The parent of a config's first import; the hook knows configs by it and leaves all other imports alone. */
export const CONFIG_PARENT: string = new URL("?fledge-config", import.meta.url).href;

let installed = false;

/**
 * Teaches module resolution two things, for configs and what they import only: `fledge` is the running fledge where
 * the project has none (a global installation), and a file with ESM syntax is an ES module even in a project without
 * `"type": "module"`, so that top-level await works there. tsx comes later in the chain and keeps the answer.
 */
export function installImportHook(): void {
  if (installed) return;
  installed = true;
  register(`data:text/javascript,${encodeURIComponent(hookSource(ownEntry()))}`);
}

/** The entry of the running fledge: dist/index.js, or src/index.ts in its own repository. */
function ownEntry(): string {
  return new URL(`../index${extname(fileURLToPath(import.meta.url))}`, import.meta.url).href;
}

// Text, because Node runs it in a thread of its own, where neither TypeScript nor a bundler's helpers exist.
function hookSource(entry: string): string {
  return `
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
const ESM = /^\\s*(import\\s*[\\w{*"']|export\\s*[\\w{*])/m;
const CJS = /\\b(require\\s*\\(|module\\.exports|exports\\.\\w|__dirname|__filename)/;
async function isModule(url) {
  const file = url.split(/[?#]/)[0];
  if (!file.startsWith("file:") || !/\\.[jt]sx?$/.test(file) || file.includes("/node_modules/")) return false;
  const text = await readFile(fileURLToPath(file), "utf8").catch(() => "");
  return ESM.test(text) && !CJS.test(text);
}
export async function resolve(specifier, context, next) {
  const parent = context.parentURL ?? "";
  const ofConfig = parent.includes("tsx-namespace=") || parent.includes("?fledge-config");
  if (!ofConfig || context.conditions?.includes("require")) return next(specifier, context);
  const found = await next(specifier, context).catch((error) => {
    if (specifier !== "fledge") throw error;
    return next(${JSON.stringify(entry)}, context);
  });
  return (await isModule(found.url)) ? { ...found, format: "module" } : found;
}
`;
}
