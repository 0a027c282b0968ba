export { liveElsewhere } from "./elsewhere.ts";
export { type Rebuilt, rebuildElsewhere } from "./rebuild.ts";
export { type Difference, differencesOf } from "./reproducible.ts";
