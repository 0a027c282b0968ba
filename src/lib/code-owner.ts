import { AsyncLocalStorage } from "node:async_hooks";

/**
 * Set in all that runs on behalf of somebody else's code, also in what that has started and left: timers, events,
 * promises. What fails there is its owner's to handle, not the process's.
 */
export const codeOwner: AsyncLocalStorage<object> = new AsyncLocalStorage();
