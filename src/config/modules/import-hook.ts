import * as module from "node:module";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import type * as hook from "./module-hook.ts";
import { CONFIG_MARK, HOOK_NAMESPACE, OWN_ENTRY, ownEntry } from "./own-files.ts";

/** The parent of a config's first import. */
export const CONFIG_PARENT: string = new URL(CONFIG_MARK, import.meta.url).href;

let installing: Promise<void> | undefined;

/**
 * Teaches module resolution three things, for configs and what they import only: fledge's package and what it exports
 * are the running fledge's where the project has none (a global installation); where they are the running one's, its
 * modules are not evaluated again for each config (0.6 s and 14 MB each time; a namespace that no tsx answers to keeps
 * tsx from adding its own); and what a file is its syntax says, so that `import` and top-level await work without
 * `"type": "module"`, and `__dirname` and `require` work with it. tsx comes later in the chain and keeps the answer.
 */
export function installImportHook(): Promise<void> {
  installing ??= install(`./module-hook${extname(OWN_ENTRY)}`);
  return installing;
}

// Node 26 deprecates `register`. Before, tsx itself uses one or the other, and only `register` works below both.
async function install(path: string): Promise<void> {
  const { registerHooks } = module as { registerHooks?: (hooks: Pick<typeof hook, "resolve" | "load">) => void };
  if (registerHooks !== undefined && Number.parseInt(process.versions.node, 10) >= 26) {
    const { resolve, load } = await import("./module-hook.ts");
    return registerHooks({ resolve, load });
  }
  module.register(await loadable(path), import.meta.url);
  resolveRequired();
}

/** Such hooks are not asked for what CommonJS requires. */
function resolveRequired(): void {
  const loader = module.Module as unknown as { _resolveFilename: (specifier: string, ...rest: unknown[]) => string };
  const { _resolveFilename: before } = loader;
  loader._resolveFilename = (specifier, ...rest) => {
    try {
      return before.call(loader, specifier, ...rest);
    } catch (error) {
      const own = ownEntry(specifier);
      if (own === undefined) throw error;
      return fileURLToPath(own);
    }
  };
}

/** In fledge's own repository the hooks are TypeScript; the thread that runs them gets a tsx for that first. */
async function loadable(path: string): Promise<string> {
  if (path.endsWith(".js")) return path;
  const { register } = await import("tsx/esm/api");
  register({ namespace: HOOK_NAMESPACE });
  return `${path}?tsx-namespace=${HOOK_NAMESPACE}`;
}
