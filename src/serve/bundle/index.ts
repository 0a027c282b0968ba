export { type Collected, type CollectOptions, collectProject } from "./collect.ts";
export { type BundleInfo, staysInside } from "./format.ts";
export { isInside } from "./inside.ts";
export { packBundle } from "./pack.ts";
export {
  BUNDLE_LIMITS,
  type BundleLimits,
  type ReceivedBundle,
  receiveBundle,
  unpackBundle,
} from "./unpack.ts";
