import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { expect, it } from "vitest";
import { resolveCacheDir } from "../../../src/store/cache-dir.ts";

const all = { FLEDGE_CACHE_DIR: "/b", XDG_CACHE_HOME: "/c", HOME: "/d" };

it.each([
  ["the flag", all, "/a", "/a"],
  ["FLEDGE_CACHE_DIR", all, undefined, "/b"],
  ["XDG_CACHE_HOME", { ...all, FLEDGE_CACHE_DIR: "" }, undefined, "/c/fledge"],
  ["HOME", { HOME: "/d" }, undefined, "/d/.cache/fledge"],
  ["HOME, for an XDG_CACHE_HOME that is relative", { XDG_CACHE_HOME: "c", HOME: "/d" }, undefined, "/d/.cache/fledge"],
  ["the user's entry", {}, undefined, join(homedir(), ".cache/fledge")],
])("%s decides", (_name, env, explicit, folder) => {
  expect(resolveCacheDir(env, explicit)).toBe(folder);
});

it("is absolute", () => {
  expect(resolveCacheDir({}, "x")).toBe(resolve("x"));
});
