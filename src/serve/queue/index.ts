export {
  type BuildOutputs,
  type BuildState,
  type BuildView,
  hasEnded,
  type Job,
  type JobSource,
  type LoggedEvent,
  type OutputFile,
  type Queue,
  type QueueEvent,
  type QueueStatus,
  type Submitted,
} from "./contract.ts";
export { openEmbedded } from "./embedded.ts";
export type { EmbeddedOptions, Task } from "./task.ts";
export { diskError } from "./views.ts";
