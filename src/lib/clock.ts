/** Milliseconds since 1970. For waits and ages of files only: nothing that ends up in an artifact asks for the time. */
export function nowMs(): number {
  return Date.now();
}

/** Another time, for all code of this process: what it makes must not depend on when it is. */
export function shiftClock(ms: number): void {
  const RealDate = Date;
  const now = (): number => RealDate.now() + ms;
  globalThis.Date = new Proxy(RealDate, {
    apply: () => new RealDate(now()).toString(),
    construct: (target, args, newTarget) =>
      Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget) as object,
    get: (target, key) => (key === "now" ? now : Reflect.get(target, key)),
  });
}
