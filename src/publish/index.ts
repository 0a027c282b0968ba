export type { Attached, Attachment } from "./attachments.ts";
export type { Built } from "./built.ts";
export { type Published, publishPlugin, targetsOf } from "./publish.ts";
export { type Pulled, type PullOptions, pullPlugin } from "./pull.ts";
export { type Pushed, type PushOptions, pushPlugin } from "./push.ts";
