/** What a stage may touch: the source, the mutable tree, the sealed tree, or the finished file. */
export type Phase = "source" | "rootfs" | "image" | "artifact";

/** A step of the build: placed before or after a named one, or instead of it. */
export interface Stage<P extends Phase = Phase> {
  readonly name: string;
  readonly phase: P;
  readonly before?: string | undefined;
  readonly after?: string | undefined;
  readonly replaces?: string | undefined;
  run(state: never, ctx: never): void | Promise<void>;
}
