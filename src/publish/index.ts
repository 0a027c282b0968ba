export type { Built } from "./built.ts";
export { type Published, publishPlugin, targetsOf } from "./publish.ts";
export { type Pulled, pullPlugin } from "./pull.ts";
export { type Pushed, pushPlugin } from "./push.ts";
