import { lstat, realpath } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, resolve } from "node:path";
import { errnoOf } from "../../lib/errors.ts";
import { isInside } from "../bundle/index.ts";
import { Refusal } from "../refusal.ts";

/**
 * The real path of what a request names on this machine, which has to be below one of the roots whatever symlinks there
 * are. Throws a `forbidden`, of what is outside whether or not it exists, or a `not-found`.
 */
export async function projectBelow(roots: readonly string[], path: string): Promise<string> {
  const [only] = roots;
  if (only === undefined) {
    throw new Refusal("forbidden", "this service builds no folders of its machine", {
      hint: "send a bundle, or name folders that may be built with serve --root DIR",
    });
  }
  if (path.includes("\0")) throw new Refusal("bad-request", "it is no path");
  if (!isAbsolute(path) && roots.length > 1) {
    throw new Refusal("bad-request", `"${path}" is relative, and there are several roots`, {
      hint: "write an absolute path",
    });
  }
  const absolute = resolve(only, path);
  const real = await realpath(absolute).catch((error: unknown) => {
    if (errnoOf(error) === "ELOOP") throw outside(path);
    return undefined;
  });
  const nearest = real ?? (await realOfNearest(absolute));
  if (!roots.some((root) => isInside(root, nearest))) throw outside(path);
  if (real === undefined) throw new Refusal("not-found", `there is no ${path}`);
  return real;
}

/** Where something may be written below one of the roots; it need not exist. Throws as `projectBelow`. */
export async function placeBelow(roots: readonly string[], path: string): Promise<string> {
  const folder = await projectBelow(roots, dirname(resolve(roots[0] ?? "/", path)));
  const place = join(folder, basename(path));
  const stat = await lstat(place).catch(() => undefined);
  if (stat?.isSymbolicLink()) throw outside(path);
  return place;
}

async function realOfNearest(path: string): Promise<string> {
  for (let at = path; ; at = dirname(at)) {
    const real = await realpath(at).catch(() => undefined);
    if (real !== undefined) return real;
  }
}

function outside(path: string): Refusal {
  return new Refusal("forbidden", `${path} is not below a folder that this service may use`, {
    hint: "serve --root DIR allows one",
  });
}
