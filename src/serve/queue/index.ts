export {
  type BuildOutputs,
  type BuildState,
  type BuildView,
  hasEnded,
  type Job,
  type LoggedEvent,
  type OutputFile,
  type Queue,
  type QueueEvent,
  type QueueStatus,
  type Submitted,
} from "./contract.ts";
export { openEmbedded } from "./embedded.ts";
export type { Task } from "./task.ts";
export { diskError, tookTooLong } from "./views.ts";
