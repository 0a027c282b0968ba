import type { BuildResult } from "../contract/result.ts";
import type { Warning } from "../lib/context.ts";
import type { ErrorData } from "../lib/errors.ts";
import type { JsonValue } from "../lib/json.ts";

/** What a build says while it runs, in order; `fledge build --json` prints one per line. */
export type BuildEvent = { readonly plugin: string } & (
  | { readonly type: "stage:start"; readonly stage: string; readonly title: string }
  | {
      readonly type: "stage:progress";
      readonly stage: string;
      readonly doneBytes: number;
      readonly totalBytes?: number;
      readonly item?: string;
    }
  | { readonly type: "stage:done"; readonly stage: string; readonly durationMs: number }
  | { readonly type: "stage:failed"; readonly stage: string; readonly durationMs: number; readonly message: string }
  | ({ readonly type: "warning" } & Warning)
  | { readonly type: "fact"; readonly name: string; readonly value: JsonValue }
  | { readonly type: "log"; readonly message: string }
  | { readonly type: "build:done"; readonly result: BuildResult }
  | { readonly type: "build:failed"; readonly error: ErrorData; readonly durationMs: number }
);

/** Told of everything that happens in a build, in order; it must not throw. */
export type EventSink = (event: BuildEvent) => void;
