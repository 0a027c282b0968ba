import type { Next } from "hono";
import { Refusal } from "../refusal.ts";
import type { Ctx, Service } from "./context.ts";

/** What anybody may see who can connect: whether it lives, and a page that asks for a token. */
const OPEN: ReadonlySet<string> = new Set(["/", "/healthz", "/readyz", "/v1/healthz", "/v1/openapi.json"]);

/**
 * Lets through who may build. A page of another site that has its name lead to this machine is told by its `Host`; no
 * header allows other origins anything.
 */
export function access(service: Service): (c: Ctx, next: Next) => Promise<void> {
  return async (c, next) => {
    const host = c.req.header("host")?.toLowerCase() ?? "";
    if (service.hosts !== undefined && !service.hosts.has(host)) {
      throw new Refusal("forbidden", `this service is not called "${host.slice(0, 100)}"`, {
        hint: "use the address that it listens at; --host NAME adds another, as of a proxy before it",
      });
    }
    if (service.tokens !== undefined && !OPEN.has(c.req.path) && !hasTicket(c, service)) {
      const name = service.tokens.nameOf(tokenOf(c));
      if (name === undefined) {
        throw new Refusal("unauthorized", "a token is needed, and this is none that is known", {
          hint: "send Authorization: Bearer TOKEN; fledge serve --new-token NAME makes one",
        });
      }
      c.set("by", name);
    }
    await next();
  };
}

function tokenOf(c: Ctx): string {
  const [, bearer] = /^Bearer +(\S+)$/i.exec(c.req.header("authorization") ?? "") ?? [];
  return bearer ?? c.req.header("x-api-key") ?? "";
}

/** A link that a page was given, for a download that carries no header. */
function hasTicket(c: Ctx, { tickets }: Service): boolean {
  const ticket = c.req.query("ticket");
  const isRead = c.req.method === "GET" || c.req.method === "HEAD";
  return ticket !== undefined && isRead && tickets.isGood(c.req.path, ticket);
}
