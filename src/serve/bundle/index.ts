export { type Collected, collectProject } from "./collect.ts";
export { type BundleInfo, staysInside } from "./format.ts";
export { isInside } from "./inside.ts";
export { packBundle } from "./pack.ts";
export {
  type BundleLimits,
  receiveBundle,
  unpackBundle,
} from "./unpack.ts";
