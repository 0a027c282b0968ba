import { relative } from "node:path";
import type { BuildResult, WrittenManifest } from "../../contract/result.ts";
import { formatSize } from "../../lib/bytes.ts";
import type { Warning } from "../../lib/context.ts";
import { formatDuration } from "../../lib/duration.ts";
import type { JsonValue } from "../../lib/json.ts";
import type { EventSink } from "../../pipeline/events.ts";
import { installCommand, type LaunchCommand } from "../../volant/commands.ts";
import { bold, cyan, gray, green, line, print, red, type Shown, say, yellow } from "../terminal.ts";

/** Shows the events of builds; `end` leaves the terminal as it was. */
export type Renderer = { readonly onEvent: EventSink; end(): void };

/** How much is shown, and of which builds. */
export type RenderOptions = {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  /** With more than one, each line says whose it is. */
  readonly plugins: readonly string[];
  /** Whether the builds are part of something that says more of them: they are told of as one of several is. */
  readonly isPart?: boolean;
};

/** Whether each line says whose it is, and the result of a build is left to others. */
export function isMany({ plugins, isPart = false }: RenderOptions): boolean {
  return isPart || plugins.length > 1;
}

/**
 * One line per finished stage on stderr; the result on stdout. Of several plugins each line says whose it is, and the
 * results are left to a table at the end.
 */
export function plainRenderer(options: RenderOptions): Renderer {
  const { quiet = false, verbose = false } = options;
  const isOneOfMany = isMany(options);
  const titles = new Map<string, string>();
  const titleOf = (event: { plugin: string; stage: string }) => titles.get(stageKey(event)) ?? event.stage;
  const tell = (plugin: string, text: Shown): void => {
    say([isOneOfMany ? line`${gray`${plugin}`} ${text}` : text]);
  };
  return {
    onEvent(event) {
      switch (event.type) {
        case "stage:start":
          titles.set(stageKey(event), event.title);
          return;
        case "stage:done":
          if (!quiet) tell(event.plugin, line`${green`✔`} ${titleOf(event)} ${duration(event.durationMs)}`);
          return;
        case "stage:failed":
          if (!quiet) tell(event.plugin, line`${red`✖`} ${titleOf(event)} ${duration(event.durationMs)}`);
          return;
        case "warning":
          tell(event.plugin, line`${yellow`warning`} ${event.message}${originOf(event)}`);
          if (event.hint !== undefined) tell(event.plugin, line`  ${cyan`hint`} ${event.hint}`);
          return;
        case "log":
          if (verbose && !quiet) tell(event.plugin, gray`  ${event.message}`);
          return;
        case "build:done":
          if (!quiet && !isOneOfMany) print(summary(event.result));
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

function summary({ name, artifact, isUnchanged, manifest, launch, facts, durationMs }: BuildResult): Shown[] {
  return [
    line`${bold`${name}`} ${isUnchanged ? "unchanged, looked at" : "built"} in ${(durationMs / 1000).toFixed(1)} s`,
    line`  artifact  ${relative("", artifact.path)}  ${formatSize(artifact.sizeBytes)}  ${gray`${artifact.digest}`}`,
    ...(manifest === undefined ? [] : [manifestLine(manifest)]),
    ...Object.entries(facts).map(([fact, value]) => factLine(fact, value)),
    ...(manifest === undefined ? [] : [line`  install   ${installCommand(manifest.path, process.cwd())}`]),
    ...(launch === undefined ? [] : launchLines(launch)),
  ];
}

function manifestLine({ path, commandLineBytes }: WrittenManifest): Shown {
  return line`  manifest  ${relative("", path)}  ${gray`${commandLineBytes} bytes on the kernel command line`}`;
}

/** The command that boots the artifact, and below it what else that takes. */
function launchLines({ command, note }: LaunchCommand): Shown[] {
  return [line`  launch    ${command}`, ...(note === undefined ? [] : [line`            ${note}`])];
}

/** A text as it is, unless it would break the line or pass for something else. */
export function factLine(name: string, value: JsonValue): Shown {
  const isPlain = typeof value === "string" && /^[\x20-\x7e\u00a0-\uffff]+$/.test(value);
  return line`  ${name}  ${isPlain ? value : JSON.stringify(value)}`;
}

/** Whose hook or stage a warning is from. */
function originOf({ from }: Warning): Shown | string {
  return from === undefined ? "" : gray` (${from})`;
}

/** The stage that an event belongs to, unique among plugins built side by side. */
export function stageKey({ plugin, stage }: { readonly plugin: string; readonly stage: string }): string {
  return `${plugin}\0${stage}`;
}

export function duration(ms: number): Shown {
  return gray`${formatDuration(ms)}`;
}
