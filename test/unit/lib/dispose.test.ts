import { expect, test } from "vitest";
import { Disposer } from "../../../src/lib/dispose.ts";

test("cleanups run last in, first out; one that fails does not stop the others", async () => {
  const disposer = new Disposer();
  const ran: string[] = [];
  disposer.defer(() => void ran.push("first"));
  disposer.defer(() => {
    throw new Error("stuck");
  });
  const keep = disposer.defer(() => void ran.push("withdrawn"));
  disposer.defer(async () => void ran.push("last"));
  keep();
  expect(await disposer.dispose()).toEqual(["stuck"]);
  expect(ran).toEqual(["last", "first"]);
  expect(await disposer.dispose()).toEqual([]);
});
