import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/**
 * Checks TypeScript modules in one go, by the rules of this repository and the declarations of the built SDK, which are
 * what a user's editor reads. Throws what tsc says.
 */
export function typeCheck(modules: readonly string[]): void {
  const folder = mkdtempSync(join(ROOT, "test", ".type-check-"));
  try {
    for (const [index, text] of modules.entries()) writeFileSync(join(folder, `module-${index}.ts`), text);
    const compilerOptions = {
      paths: { "@volantvm/fledge": ["../../dist/index.d.ts"], "@volantvm/fledge/*": ["../../dist/*/index.d.ts"] },
    };
    const include = ["*.ts"];
    writeFileSync(
      join(folder, "tsconfig.json"),
      JSON.stringify({ extends: "../../tsconfig.json", compilerOptions, include }),
    );
    execFileSync(process.execPath, [join(ROOT, "node_modules/typescript/bin/tsc"), "-p", folder], {
      encoding: "utf8",
      stdio: "pipe",
    });
  } catch (error) {
    const said = (error as { stdout?: string }).stdout;
    throw said ? new Error(said) : error;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
