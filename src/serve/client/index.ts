export { type Address, parseAddress } from "./address.ts";
export { buildAllRemotely, type RemoteBuildOptions } from "./build.ts";
