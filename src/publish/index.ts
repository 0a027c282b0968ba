export { type Pulled, type PullOptions, pullPlugin } from "./pull.ts";
export { type Built, type Pushed, pushPlugin } from "./push.ts";
