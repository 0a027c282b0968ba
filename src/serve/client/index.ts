export { type Address, parseAddress } from "./address.ts";
export { buildAllRemotely } from "./build.ts";
