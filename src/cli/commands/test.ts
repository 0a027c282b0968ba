import type { BootTestResult } from "../../boot/test.ts";
import { FledgeError } from "../../lib/errors.ts";
import type { BootArgs } from "../boot-options.ts";
import type { Command } from "../commands.ts";
import { BOOT_FLAGS, LOCK_FLAGS, READING_FLAGS, RUN_FLAGS } from "../flags.ts";

type Args = BootArgs & { readonly junit?: string };

export const test: Command = {
  meta: { name: "test", description: "Build, boot, and check what test.boot of the config says" },
  args: {
    ...READING_FLAGS,
    ...BOOT_FLAGS,
    junit: { type: "string", valueHint: "FILE", description: "Write the results as JUnit XML as well" },
    ...LOCK_FLAGS,
    ...RUN_FLAGS,
  },
  examples: [
    ["", "all plugins of the config or workspace in this folder; exits 1 when a test fails"],
    ["web --skip-build", "what is there of one plugin"],
    ["--junit boot.xml", "for CI"],
    ["--json | jq 'select(.type == \"test:done\")'", "for scripts"],
  ],
  run: ({ args }) => runTests(args as unknown as Args),
};

async function runTests(args: Args): Promise<number> {
  const [{ bootOptionsOf }, { loadTargets }, { onInterrupt }, { untilAborted }] = await Promise.all([
    import("../boot-options.ts"),
    import("../targets.ts"),
    import("../interrupt.ts"),
    import("../../lib/context.ts"),
  ]);
  const { forward: _forward, ...options } = bootOptionsOf(args);
  const signal = onInterrupt();
  const plugins = (await untilAborted(loadTargets(args), signal)).filter(({ test }) => (test?.boot ?? []).length > 0);
  if (plugins.length === 0) {
    throw new FledgeError("usage", "there is no test: no plugin that is meant has test.boot", {
      hint: 'for instance test: { boot: [{ until: { http: "/", withinMs: 5000 } }] } in the config',
    });
  }
  const [{ runBootTests }, { builtOf }, { testRenderer }] = await Promise.all([
    import("../../boot/test.ts"),
    import("../boot-targets.ts"),
    import("../render/test.ts"),
  ]);
  const renderer = testRenderer(args);
  const results: BootTestResult[] = [];
  for (const plugin of plugins) {
    const built = await builtOf(plugin, args, signal);
    results.push(...(await runBootTests(plugin, built, { ...options, signal, onEvent: renderer.onEvent })));
  }
  renderer.end(results);
  if (args.junit !== undefined) await writeJunit(args.junit, results);
  return results.every(({ passed }) => passed) ? 0 : 1;
}

async function writeJunit(file: string, results: readonly BootTestResult[]): Promise<void> {
  const [{ junitXml }, { writeFile }, { ioError }] = await Promise.all([
    import("../../boot/junit.ts"),
    import("node:fs/promises"),
    import("../../lib/files/io-error.ts"),
  ]);
  await writeFile(file, junitXml(results)).catch((error: unknown) => {
    throw ioError(error, "write", file);
  });
}
