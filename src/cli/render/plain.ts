import { relative } from "node:path";
import { colors } from "consola/utils";
import { formatSize } from "../../lib/bytes.ts";
import type { JsonValue } from "../../lib/json.ts";
import type { BuildResult, WrittenManifest } from "../../pipeline/result.ts";
import { installCommand, type LaunchCommand } from "../../volant/commands.ts";
import type { Renderer, RenderOptions } from "./renderer.ts";

/**
 * One line per finished stage on stderr; the result on stdout. Of several plugins each line says whose it is, and the
 * results are left to a table at the end.
 */
export function plainRenderer({ quiet = false, verbose = false, plugins }: RenderOptions): Renderer {
  const titles = new Map<string, string>();
  const titleOf = (event: { plugin: string; stage: string }) => titles.get(stageKey(event)) ?? event.stage;
  const say = (plugin: string, line: string): void => {
    process.stderr.write(`${plugins.length > 1 ? `${colors.gray(plugin)} ` : ""}${line}\n`);
  };
  return {
    onEvent(event) {
      switch (event.type) {
        case "stage:start":
          titles.set(stageKey(event), event.title);
          return;
        case "stage:done":
          if (!quiet) say(event.plugin, `${colors.green("✔")} ${titleOf(event)} ${duration(event.durationMs)}`);
          return;
        case "stage:failed":
          if (!quiet) say(event.plugin, `${colors.red("✖")} ${titleOf(event)} ${duration(event.durationMs)}`);
          return;
        case "warning":
          say(event.plugin, `${colors.yellow("warning")} ${event.message}`);
          if (event.hint !== undefined) say(event.plugin, `  ${colors.cyan("hint")} ${event.hint}`);
          return;
        case "log":
          if (verbose && !quiet) say(event.plugin, colors.gray(`  ${event.message}`));
          return;
        case "build:done":
          if (!quiet && plugins.length === 1) process.stdout.write(summary(event.result));
          return;
        case "fact": // in the summary
        case "build:failed":
        case "stage:progress":
          return;
      }
    },
    end: () => {},
  };
}

function summary({ name, artifact, manifest, launch, facts, durationMs }: BuildResult): string {
  return [
    `${colors.bold(name)} built in ${(durationMs / 1000).toFixed(1)} s`,
    `  artifact  ${relative("", artifact.path)}  ${formatSize(artifact.sizeBytes)}  ${colors.gray(artifact.digest)}`,
    ...(manifest === undefined ? [] : [manifestLine(manifest)]),
    ...Object.entries(facts).map(([fact, value]) => factLine(fact, value)),
    ...(manifest === undefined ? [] : [`  install   ${installCommand(manifest.path, process.cwd())}`]),
    ...(launch === undefined ? [] : launchLines(launch)),
    "",
  ].join("\n");
}

function manifestLine({ path, commandLineBytes }: WrittenManifest): string {
  return `  manifest  ${relative("", path)}  ${colors.gray(`${commandLineBytes} bytes on the kernel command line`)}`;
}

/** The command that boots the artifact, and below it what else that takes. */
function launchLines({ command, note }: LaunchCommand): string[] {
  return [`  launch    ${command}`, ...(note === undefined ? [] : [`            ${note}`])];
}

/** A text as it is, unless it would break the line or pass for something else. */
function factLine(name: string, value: JsonValue): string {
  const isPlain = typeof value === "string" && /^[\x20-\x7e\u00a0-\uffff]+$/.test(value);
  return `  ${name}  ${isPlain ? value : JSON.stringify(value)}`;
}

/** The stage that an event belongs to, unique among plugins built side by side. */
export function stageKey({ plugin, stage }: { readonly plugin: string; readonly stage: string }): string {
  return `${plugin}\0${stage}`;
}

export function duration(ms: number): string {
  return colors.gray(ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(1)} s`);
}
