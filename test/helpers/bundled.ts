import { readFileSync, rmSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build, type Plugin } from "esbuild";

/** Where Node finds the packages. */
const FOLDER = fileURLToPath(new URL("../../node_modules/.cache/fledge-test", import.meta.url));

/** `import.meta.url` stays that of the source file. */
const ownUrls: Plugin = {
  name: "own-urls",
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, ({ path }) => ({
      contents: readFileSync(path, "utf8").replaceAll("import.meta.url", JSON.stringify(pathToFileURL(path).href)),
      loader: "ts",
    }));
  },
};

/**
 * A program of the tests as one file of JavaScript, for those that are started again and again: to load its modules as
 * TypeScript takes seconds each time. It is gone when this process ends.
 */
export async function bundled(program: string): Promise<string> {
  const path = `${FOLDER}/${basename(program, ".ts")}-${process.pid}.mjs`;
  process.once("exit", () => rmSync(path, { force: true }));
  await build({
    entryPoints: [program],
    outfile: path,
    bundle: true,
    platform: "node",
    format: "esm",
    packages: "external",
    plugins: [ownUrls],
    logLevel: "error",
  });
  return path;
}
