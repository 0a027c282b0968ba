export { liveElsewhere } from "./elsewhere.ts";
export type { BuildDifference } from "./paths.ts";
export { type Rebuilt, rebuildElsewhere } from "./rebuild.ts";
export { differencesOf } from "./reproducible.ts";
