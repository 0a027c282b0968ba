import { type DownloadOptions, downloadOptions } from "../options.ts";

/** Where the agent comes from. */
export const agentOptions = downloadOptions({ what: "agent binary", asset: "kestrel" });

export type AgentOptions = DownloadOptions;
