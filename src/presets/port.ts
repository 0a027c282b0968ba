import { z } from "zod";

/** The option that every server has; `what` it is the port of. */
export function port(what: string, standard: number): z.ZodDefault<z.ZodInt> {
  return z.int().min(1).max(65535).default(standard).describe(`port that ${what} listens on`);
}

/** Where the service is inside the guest, as the manifest wants it. */
export function localUrl(port: number): string {
  return `http://127.0.0.1:${port}`;
}
