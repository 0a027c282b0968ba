/** Milliseconds since 1970. For waits and ages of files only: nothing that ends up in an artifact asks for the time. */
export function nowMs(): number {
  return Date.now();
}
