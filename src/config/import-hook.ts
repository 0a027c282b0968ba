import * as module from "node:module";
import { OWN_ENTRY, OWN_FOLDER_URL, PACKAGE } from "./own-files.ts";

/** The parent of a config's first import; the hook knows configs by it and leaves all other imports alone. */
export const CONFIG_PARENT: string = new URL("?fledge-config", import.meta.url).href;

type Hooks = { readonly resolve: (...args: unknown[]) => unknown };

let installing: Promise<void> | undefined;

/**
 * Teaches module resolution three things, for configs and what they import only: fledge's package and what it exports
 * are the running fledge's where the project has none (a global installation); where they are the running one's, its modules are
 * not evaluated again for each config (0.6 s and 14 MB each time; a namespace that no tsx answers to keeps tsx from
 * adding its own); and a file with ESM syntax is an ES module even in a project without `"type": "module"`, so that
 * top-level await works there. tsx comes later in the chain and keeps the answer.
 */
export function installImportHook(): Promise<void> {
  installing ??= install(`data:text/javascript,${encodeURIComponent(hookSource())}`);
  return installing;
}

// Node 26 deprecates `register`. Before, tsx itself uses one or the other, and only `register` works below both.
async function install(url: string): Promise<void> {
  const { registerHooks } = module as { registerHooks?: (hooks: Hooks) => void };
  if (registerHooks === undefined || Number.parseInt(process.versions.node, 10) < 26) module.register(url);
  else registerHooks((await import(url)) as Hooks);
}

// Text, because before Node 26 it runs in a thread of its own, where neither TypeScript nor a bundler's helpers exist.
// It answers as it is asked: with a promise there, with a value in `registerHooks`.
function hookSource(): string {
  return `
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
const PACKAGE = ${JSON.stringify(PACKAGE)};
const FOLDER = ${JSON.stringify(OWN_FOLDER_URL)};
const ENTRY = ${JSON.stringify(`/${OWN_ENTRY}`)};
const ESM = /^\\s*(import\\s*[\\w{*"']|export\\s*[\\w{*])/m;
const CJS = /\\b(require\\s*\\(|module\\.exports|exports\\.\\w|__dirname|__filename)/;
const EXPORT = /^(|\\/presets\\/[\\w-]+|\\/testing)$/;
function isOwn(url) {
  return url.startsWith(FOLDER) && url.endsWith(ENTRY) && EXPORT.test(url.slice(FOLDER.length, -ENTRY.length));
}
function shared(url) {
  return ENTRY.endsWith(".js") && { url: url + "?tsx-namespace=fledge", format: "module", shortCircuit: true };
}
function isModule(url) {
  const file = url.split(/[?#]/)[0];
  if (!file.startsWith("file:") || !/\\.[jt]sx?$/.test(file) || file.includes("/node_modules/")) return false;
  try {
    const text = readFileSync(fileURLToPath(file), "utf8");
    return ESM.test(text) && !CJS.test(text);
  } catch {
    return false;
  }
}
function settle(ask, found, missing) {
  try {
    const answer = ask();
    return typeof answer.then === "function" ? answer.then(found, missing) : found(answer);
  } catch (error) {
    return missing(error);
  }
}
export function resolve(specifier, context, next) {
  const parent = context.parentURL ?? "";
  const ofConfig = parent.includes("tsx-namespace=") || parent.includes("?fledge-config");
  if (!ofConfig || context.conditions?.includes("require")) return next(specifier, context);
  const found = (answer) => {
    if (isOwn(answer.url) && shared(answer.url)) return shared(answer.url);
    return isModule(answer.url) ? { ...answer, format: "module" } : answer;
  };
  return settle(() => next(specifier, context), found, (error) => {
    const folder = specifier.slice(PACKAGE.length);
    if (!specifier.startsWith(PACKAGE) || !EXPORT.test(folder)) throw error;
    return shared(FOLDER + folder + ENTRY) || next(FOLDER + folder + ENTRY, context);
  });
}
`;
}
