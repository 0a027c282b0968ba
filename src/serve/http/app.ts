import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import { memoize } from "../../lib/memoize.ts";
import { Refusal } from "../refusal.ts";
import { access } from "./access.ts";
import { buildOf, type Service } from "./context.ts";
import { download } from "./downloads.ts";
import { errorResponse } from "./errors.ts";
import { streamEvents } from "./events.ts";
import { openapi } from "./openapi.ts";
import { buildAsOriginal } from "./original.ts";
import { servePage } from "./page.ts";
import { submit } from "./submit.ts";

export type App = Hono<{ Bindings: HttpBindings; Variables: { by?: string } }>;

/** Less than this, and the next build is likely to fail. */
const LEAST_FREE_BYTES = 64 * 2 ** 20;

/** Every path of the service. */
export function createApp(service: Service): App {
  const { queue, metrics } = service;
  const app: App = new Hono();
  const page = memoize(servePage);
  const description = memoize(openapi);
  app.onError((error, c) => errorResponse(error, c));
  app.notFound((c) => errorResponse(new Refusal("not-found", `there is no ${c.req.method} ${c.req.path}`), c));
  app.use(async (c, next) => {
    await next();
    c.header("X-Content-Type-Options", "nosniff");
    c.header("Referrer-Policy", "no-referrer");
    metrics.countRequest(c.res.status);
  });
  app.use(access(service));

  app.post("/v1/builds", (c) => submit(c, service));
  app.get("/v1/builds", async (c) => c.json({ builds: await queue.list(), queue: await queue.status() }));
  app.get("/v1/builds/:id", async (c) => c.json(await buildOf(c, service)));
  app.delete("/v1/builds/:id", async (c) => c.json(await queue.cancel((await buildOf(c, service)).id)));
  app.get("/v1/builds/:id/events", (c) => streamEvents(c, service));
  app.get("/v1/builds/:id/artifact", (c) => download(c, service, "artifact"));
  app.get("/v1/builds/:id/manifest", (c) => download(c, service, "manifest"));
  app.post("/v1/builds/:id/ticket", async (c) => {
    const { id } = await buildOf(c, service);
    const what = c.req.query("of") === "manifest" ? "manifest" : "artifact";
    return c.json({ url: service.tickets.give(`/v1/builds/${id}/${what}`) });
  });

  app.post("/v1/build", (c) => buildAsOriginal(c, service));
  app.get("/v1/healthz", (c) => c.text("ok"));
  app.get("/v1/openapi.json", (c) => c.json(description()));
  app.get("/healthz", (c) => c.text("ok\n"));
  app.get("/readyz", async (c) => {
    if (service.signal.aborted) throw new Refusal("unavailable", "the service is ending");
    if ((await service.freeBytes()) < LEAST_FREE_BYTES)
      throw new Refusal("unavailable", "the disk of the state is full");
    return c.text("ready\n");
  });
  app.get("/metrics", async (c) => {
    const text = metrics.render(await queue.status(), await service.freeBytes());
    return c.text(text, 200, { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" });
  });
  app.get("/", (c) => {
    const { html, policy } = page();
    return c.html(html, 200, { "Content-Security-Policy": policy, "Cache-Control": "no-cache" });
  });
  return app;
}
