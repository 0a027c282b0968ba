import { readFileSync } from "node:fs";

/** The version of the running fledge, of its package.json. */
export function fledgeVersion(): string {
  return JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")).version;
}
