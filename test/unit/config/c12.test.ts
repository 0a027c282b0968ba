import { join } from "node:path";
import { loadConfig, loadDotenv } from "c12";
import { expect, it, onTestFinished, vi } from "vitest";
import { project } from "../../helpers/project.ts";

// What c12 does otherwise than a recipe needs, and fledge does itself therefore. A test that fails here says that some of
// src/config can go.

const options = { name: "fledge", rcFile: false, globalRc: false, packageJson: false, giget: false } as const;

it("puts the lists of all layers one behind the other, where the higher one is to replace", async () => {
  const cwd = project({
    "fledge.config.mjs": 'export default { list: ["high"], extends: ["./low.toml"] };',
    "low.toml": 'list = ["low"]',
  });
  const { config } = await loadConfig({ ...options, cwd });
  expect(config).toEqual({ list: ["high", "low"] });
});

it("goes on without a layer that is not there", async () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
  onTestFinished(() => warn.mockRestore());
  const cwd = project({ "fledge.config.mjs": 'export default { name: "web", extends: ["./nowhere"] };' });
  const { config } = await loadConfig({ ...options, cwd });
  expect(config).toEqual({ name: "web" });
  expect(warn).toHaveBeenCalled();
});

it("knows no defaults in a .env, and takes a backslash in its path for a slash", async () => {
  const cwd = project({ ".env": `TAG=\${NOWHERE:-alpine}`, "a\\b/.env": "TAG=other" });
  expect((await loadDotenv({ cwd, env: {}, interpolate: true })).TAG).not.toBe("alpine");
  expect(await loadDotenv({ cwd: join(cwd, "a\\b"), env: {} })).toEqual({});
});
