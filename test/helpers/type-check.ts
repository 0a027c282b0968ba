import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Checks TypeScript modules in one go, by the rules of this repository. Throws what tsc says. */
export function typeCheck(modules: readonly string[]): void {
  const folder = mkdtempSync(join(ROOT, "test", ".type-check-"));
  try {
    for (const [index, text] of modules.entries()) writeFileSync(join(folder, `module-${index}.ts`), text);
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ extends: "../../tsconfig.json", include: ["*.ts"] }));
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
