import type { ResolvedPlugin } from "../contract/plugin.ts";
import type { BuildResult } from "../contract/result.ts";
import { checkGuest, describeStep, portsOf, type ReachedStep } from "./assertions.ts";
import { type BootEvent, type BootOptions, type BootReport, bootArtifact } from "./boot.ts";
import type { BootTest } from "./options.ts";

/** What became of one entry of `test.boot`. */
export type BootTestResult = {
  readonly plugin: string;
  readonly name: string;
  readonly passed: boolean;
  /** Why it failed. */
  readonly failure?: string;
  /** What it waited for and got, in order. */
  readonly reached: readonly ReachedStep[];
  /** The last lines of the console, of a test that failed. */
  readonly console?: readonly string[];
  /** The command that ran the guest. */
  readonly command: readonly string[];
  readonly report: BootReport;
};

/** How tests are booted, whom to tell, and which of them to run. */
export type BootTestOptions = Omit<BootOptions, "forward" | "keep" | "memoryMb" | "cpus" | "onEvent"> & {
  readonly onEvent?: (event: BootEvent | BootTestEvent) => void;
};

/** What the tests say between the events of their boots. */
export type BootTestEvent =
  | { readonly type: "test:start"; readonly plugin: string; readonly name: string }
  | ({ readonly type: "test:done" } & BootTestResult);

const TAIL_LINES = 40;

/**
 * Boots what was built of a plugin once for each entry of its `test.boot`, one after the other. A test that fails is part
 * of the result; throws what keeps a guest from being started, and an `aborted` error.
 */
export async function runBootTests(
  plugin: ResolvedPlugin,
  built: BuildResult | undefined,
  options: BootTestOptions = {},
): Promise<BootTestResult[]> {
  const results: BootTestResult[] = [];
  for (const test of plugin.test?.boot ?? []) {
    const names = { plugin: plugin.name, name: nameOf(test) };
    options.onEvent?.({ type: "test:start", ...names });
    const result = { ...names, ...(await runOne(test, { plugin, built, options })) };
    options.onEvent?.({ type: "test:done", ...result });
    results.push(result);
  }
  return results;
}

/** What a test is called. */
function nameOf({ name, until }: BootTest): string {
  return name ?? [until].flat().map(describeStep).join(", then ");
}

type Subject = {
  readonly plugin: ResolvedPlugin;
  readonly built: BuildResult | undefined;
  readonly options: BootTestOptions;
};

async function runOne(test: BootTest, { plugin, built, options }: Subject) {
  const { memoryMb, cpus } = test;
  const guest = await bootArtifact(built ?? plugin, {
    recipe: plugin,
    ...options,
    ...(memoryMb !== undefined && { memoryMb }),
    ...(cpus !== undefined && { cpus }),
  });
  try {
    const { httpPort } = guest;
    for (const port of portsOf(test, httpPort)) await guest.forward(port);
    const signal = options.signal ?? new AbortController().signal;
    const { reached, failure } = await checkGuest(guest, test, { httpPort, signal });
    const console = guest.console.tail(TAIL_LINES);
    await guest.stop();
    const ran = { reached, command: guest.command, report: await guest.ended };
    return failure === undefined ? { passed: true, ...ran } : { passed: false, failure, console, ...ran };
  } finally {
    await guest.stop();
  }
}
