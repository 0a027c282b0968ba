export { type Address, parseAddress } from "./address.ts";
export { buildAllRemotely, type RemoteBuildOptions } from "./build.ts";
export type { Elsewhere, ElsewhereUse, Followed } from "./elsewhere.ts";
export { RemoteService } from "./service.ts";
