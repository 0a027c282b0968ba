export { type Pulled, pullPlugin } from "./pull.ts";
export { type Pushed, pushPlugin } from "./push.ts";
