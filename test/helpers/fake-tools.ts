import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { tempDir } from "./temp.ts";

/** A folder for PATH with a shell script for each program. */
export function fakeTools(scripts: Readonly<Record<string, string>>): string {
  const folder = tempDir();
  for (const [name, script] of Object.entries(scripts)) {
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  return folder;
}
