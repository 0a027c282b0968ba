export { createApp } from "./app.ts";
export type { Service } from "./context.ts";
export { hostsOf, type Listener, listen } from "./listen.ts";
export { Metrics } from "./metrics.ts";
export { Tickets } from "./tickets.ts";
export { addToken, TokenFile } from "./tokens.ts";
