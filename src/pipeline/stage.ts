export type Awaitable<T> = T | Promise<T>;

/** What a stage of each phase may touch. */
export type Phases = { source: unknown; rootfs: { readonly rootfs: unknown }; image: unknown; artifact: unknown };

export type Phase = keyof Phases;

/** A step of the build: placed before or after a named one, or instead of it. */
export interface Stage<P extends Phase = Phase> {
  readonly name: string;
  readonly phase: P;
  readonly before?: string;
  readonly after?: string;
  readonly replaces?: string;
  run(state: Readonly<Phases[P]>, ctx: unknown): Awaitable<void>;
}

/** A stage of any phase. */
export type AnyStage = { [P in Phase]: Stage<P> }[Phase];
