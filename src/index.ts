export { FledgeError, isFledgeError } from "./lib/errors.ts";
