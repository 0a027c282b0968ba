import { fileURLToPath } from "node:url";
import { defineConfig, type TestProjectConfiguration } from "vitest/config";

const src = fileURLToPath(new URL("./src", import.meta.url));

const LONG_E2E = [
  "agent",
  "boot-arm64",
  "boot-crowd",
  "boot-rootfs",
  "dockerfile-engines",
  "dockerfile",
  "examples",
  "formats",
  "guest-view",
  "harness",
  "init",
  "loop",
  "nodes",
  "oci-rootfs-big",
  "oci-rootfs-options",
  "oci-rootfs",
  "original",
  "presets",
  "product",
  "serve-load",
];

// Minutes each: guests that boot, images made of Debian's packages, engines, registries. `npm run test:all` has them too.
const LONG = ["conformance/diff", "conformance/imagers", ...LONG_E2E.map((name) => `e2e/${name}`)].map(
  (name) => `test/${name}.test.ts`,
);

export default defineConfig({
  resolve: {
    alias: [
      { find: /^@volantvm\/fledge$/, replacement: `${src}/index.ts` },
      { find: /^@volantvm\/fledge\/(.*)$/, replacement: `${src}/$1/index.ts` },
    ],
  },
  test: {
    // `vitest --project unit` needs no build; of the others some run the built command.
    projects: [
      // A third of its time is the loading of the same sources otherwise; what a test changes outside of itself it restores.
      project("unit", ["unit/**/*", "types/*", "architecture", "walks"], { isolate: false }),
      project("conformance", ["conformance/*", "fuzz/*"]),
      project("e2e", ["e2e/*", "docs"]),
    ],
    exclude: process.env.FLEDGE_TEST === "all" ? [] : LONG,
    // Two cores get one worker otherwise, while many of these tests wait for a program, mkfs or a server.
    maxWorkers: 2,
    retry: process.env.CI ? 1 : 0,
    globalSetup: "test/helpers/global-setup.ts",
    // Guards against what hangs, not against a slow machine.
    testTimeout: process.env.FLEDGE_TEST === "all" ? 900_000 : 300_000,
    hookTimeout: 900_000,
  },
});

function project(name: string, files: readonly string[], more: object = {}): TestProjectConfiguration {
  return { extends: true, test: { name, include: files.map((file) => `test/${file}.test.ts`), ...more } };
}
