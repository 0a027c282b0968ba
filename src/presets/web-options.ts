import { z } from "zod";
import { port } from "./port.ts";

/** The options of a web server, of which `eitherSiteOrProxy` is the rule. */
export function webOptions(server: string) {
  return {
    site: z.string().min(1).optional().describe("folder to serve"),
    proxy: z
      .url({ protocol: /^https?$/ })
      .optional()
      .describe("where requests go instead"),
    port: port(server, 80),
  };
}

type Web = { readonly site?: string | undefined; readonly proxy?: string | undefined };

/** For `refine()`. */
export const eitherSiteOrProxy = [
  ({ site, proxy }: Web): boolean => (site === undefined) !== (proxy === undefined),
  "needs either site or proxy",
] as const;
