import type { BootedGuest, BootOptions } from "../boot/boot.ts";
import type { Project } from "../config/project.ts";
import { labelOf, type ResolvedPlugin } from "../contract/plugin.ts";
import type { BuildResult } from "../contract/result.ts";
import type { DevEvent } from "../dev.ts";
import { FledgeError } from "../lib/errors.ts";

/** What `fledge dev` has running: the last build of its plugin, booted. */
export type Rebooter = {
  /** Throws a `usage` error when there are several plugins. */
  check(project: Project): void;
  /** Ends the guest and boots what was built, once all is built that a change touches. */
  onEvent(event: DevEvent): void;
  /** Ends the guest, and waits for that. */
  end(): Promise<void>;
};

/** `onError` hears what keeps a guest from being started. */
export function createRebooter(options: BootOptions, onError: (error: unknown) => void): Rebooter {
  let built: BuildResult | undefined;
  let guest: BootedGuest | undefined;
  let recipe: ResolvedPlugin | undefined;
  let last: Promise<void> = Promise.resolve();
  const reboot = async (result: BuildResult): Promise<void> => {
    await guest?.[Symbol.asyncDispose]();
    guest = undefined;
    if (options.signal?.aborted) return;
    const { bootArtifact } = await import("../boot/boot.ts");
    guest = await bootArtifact(result, { ...options, ...(recipe !== undefined && { recipe }) });
  };
  return {
    check(project) {
      recipe = theOne(project);
    },
    onEvent(event) {
      if (event.type === "build:done") built = event.result;
      // A guest that runs what is there already goes on.
      if (event.type !== "dev:idle" || built === undefined || (built.isUnchanged && guest !== undefined)) return;
      const result = built;
      built = undefined;
      last = last.then(() => reboot(result)).catch(onError);
    },
    async end() {
      await last;
      await guest?.[Symbol.asyncDispose]();
    },
  };
}

function theOne({ members }: Project): ResolvedPlugin | undefined {
  const [plugin, ...others] = members.flatMap(({ plugins }) => plugins);
  if (plugin === undefined || others.length === 0) return plugin;
  const names = [plugin, ...others].map(labelOf);
  throw new FledgeError("usage", `--boot boots one plugin, and ${names.length} are meant`, {
    hint: `name one of them: ${names.join(", ")}`,
  });
}
