import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of the source. */
export const SRC: string = fileURLToPath(new URL("../../src", import.meta.url));

/** That a file imports another or a package; `isLazy` says that it does so when it is first needed. */
export type Import = { readonly from: string; readonly to: string; readonly isLazy: boolean };

/** Every file of the source, relative to its folder. */
export const files: readonly string[] = readdirSync(SRC, { recursive: true, encoding: "utf8" }).filter((file) =>
  file.endsWith(".ts"),
);

/** What they import, types included. */
export const imports: readonly Import[] = files.flatMap((from) => {
  const text = readFileSync(join(SRC, from), "utf8");
  const found = text.matchAll(/^(?:import|export)\s+(?:type\s+)?(?:[^"';]*?from\s+)?"([^"]+)";|import\("([^"]+)"\)/gm);
  return [...found].map((match) => ({ from, to: match[1] ?? match[2] ?? "", isLazy: match[2] !== undefined }));
});

/** Those of them that are of the source, by their files. */
export const local: readonly Import[] = imports
  .filter(({ to }) => to.startsWith("."))
  .map((edge) => ({ ...edge, to: relative(SRC, resolve(SRC, dirname(edge.from), edge.to)) }));
