export { type Collected, type CollectOptions, collectProject } from "./collect.ts";
export { type BundleInfo, INFO_NAME } from "./format.ts";
export { packBundle } from "./pack.ts";
export { isInside } from "./tree.ts";
export {
  BUNDLE_LIMITS,
  type BundleLimits,
  type ReceivedBundle,
  receiveBundle,
  unpackBundle,
} from "./unpack.ts";
