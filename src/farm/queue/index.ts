export { openQueue } from "./bullmq.ts";
export type { FarmQueue, JobState, TakenJob } from "./contract.ts";
