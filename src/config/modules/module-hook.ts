import { statSync } from "node:fs";
import type { LoadFnOutput, LoadHookContext, ResolveFnOutput, ResolveHookContext } from "node:module";
import { fileURLToPath } from "node:url";
import { isOfUser, type ModuleKind, moduleKind, moduleKindSync } from "./module-kind.ts";
import { CONFIG_MARK, HOOK_NAMESPACE, isOwnEntry, OWN_FOLDER_URL, ownEntry } from "./own-files.ts";

type Next<Context, Output> = (specifier: string, context: Context) => Output | Promise<Output>;

/** What the user's files are that were resolved, by URL: each is loaded right after that. */
const kinds = new Map<string, ModuleKind>();

/** Before Node 26 the hooks run in a thread of their own and may wait; in `registerHooks` they may not. */
let mayWait = false;

/** Called by `module.register` only. */
export function initialize(): void {
  mayWait = true;
}

/** What `installImportHook` says of resolution. */
export function resolve(
  specifier: string,
  context: ResolveHookContext,
  next: Next<ResolveHookContext, ResolveFnOutput>,
): ResolveFnOutput | Promise<ResolveFnOutput> {
  const parent = context.parentURL ?? "";
  const ofConfig = parent.includes("tsx-namespace=") || parent.includes(CONFIG_MARK);
  if (!ofConfig) return next(specifier, context);
  const isRequire = context.conditions.includes("require") && !context.conditions.includes("import");
  return settle(
    () => fileBeyondNode(specifier, parent) ?? next(specifier, context),
    (answer) => (isRequire ? answer : (shared(answer.url) ?? withKind(answer))),
    (error) => {
      const own = ownEntry(specifier);
      if (own === undefined) throw error;
      return (isRequire ? undefined : shared(own)) ?? next(own, context);
    },
  );
}

/** What `installImportHook` says of ES modules. */
export function load(
  url: string,
  context: LoadHookContext,
  next: Next<LoadHookContext, LoadFnOutput>,
): LoadFnOutput | Promise<LoadFnOutput> {
  const kind = url.includes("tsx-namespace=") ? kinds.get(withoutQuery(url)) : undefined;
  if (kind === undefined || context.format !== "module") return next(url, context);
  const namespace = new URL(url).searchParams.get("tsx-namespace") ?? undefined;
  return { format: "module", source: kind.moduleText(namespace), shortCircuit: true };
}

function withKind(answer: ResolveFnOutput): ResolveFnOutput | Promise<ResolveFnOutput> {
  const url = withoutQuery(answer.url);
  if (!isOfUser(url) || url.startsWith(`${OWN_FOLDER_URL}/`)) return answer;
  const found = (kind: ModuleKind | undefined): ResolveFnOutput => {
    if (kind === undefined) kinds.delete(url);
    else kinds.set(url, kind);
    return kind?.isModule ? { ...answer, format: "module" } : answer;
  };
  const isModule = answer.format === "module" || /\.m[jt]s$/.test(url);
  return mayWait ? moduleKind(url, isModule).then(found) : found(moduleKindSync(url, isModule));
}

/** The running fledge's module itself, when that is what the URL means; of sources one that all configs share. */
function shared(url: string): ResolveFnOutput | undefined {
  if (!isOwnEntry(url)) return undefined;
  if (url.endsWith(".js")) return { url: `${url}?tsx-namespace=fledge`, format: "module", shortCircuit: true };
  return mayWait ? { url: `${url}?tsx-namespace=${HOOK_NAMESPACE}`, format: "module", shortCircuit: true } : undefined;
}

/** Node refuses URLs of files with a backslash in their path, which is a character like any other. */
function fileBeyondNode(specifier: string, parent: string): ResolveFnOutput | undefined {
  if (!/^(\.|file:)/.test(specifier) || !parent.startsWith("file:")) return undefined;
  const url = new URL(specifier, parent);
  if (url.protocol !== "file:" || !/%5c/i.test(url.pathname)) return undefined;
  const file = fileURLToPath(url);
  if (statSync(file, { throwIfNoEntry: false })?.isFile()) return { url: url.href, format: null, shortCircuit: true };
  const error = new Error(`Cannot find module '${file}' imported from ${parent}`);
  throw Object.assign(error, { code: "ERR_MODULE_NOT_FOUND", url: url.href });
}

function withoutQuery(url: string): string {
  return url.replace(/[?#].*$/, "");
}

/** Answers as it is asked: with a promise, or with a value. */
function settle<T>(
  ask: () => T | Promise<T>,
  found: (answer: T) => T | Promise<T>,
  missing: (error: unknown) => T | Promise<T>,
): T | Promise<T> {
  let answer: T | Promise<T>;
  try {
    answer = ask();
  } catch (error) {
    return missing(error);
  }
  return answer instanceof Promise ? answer.then(found, missing) : found(answer);
}
