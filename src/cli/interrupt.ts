import { FledgeError } from "../lib/errors.ts";

/** Ctrl-C and SIGTERM stop the build and let it clean up; a second one ends the process at once. */
export function onInterrupt(): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(130);
      controller.abort(new FledgeError("aborted", "interrupted; nothing was left behind"));
    });
  }
  return controller.signal;
}
