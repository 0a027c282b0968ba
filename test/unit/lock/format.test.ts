import { expect, it } from "vitest";
import { sha256 } from "../../../src/lib/digest.ts";
import { formatLock, parseLock } from "../../../src/lock/format.ts";

const [one, two] = [sha256("1"), sha256("2")];

it("has sorted keys, an entry in lines of its own, and reads back as it was", () => {
  const entries = new Map([
    ["image b linux/amd64", { digest: two }],
    ["agent a latest", { url: "https://example.org/a", digest: one, tag: "v1" }],
  ]);
  const text = formatLock(entries);
  expect(text.replace(/"fledge": ".*"/, '"fledge": "x"')).toBe(`{
  "lockfileVersion": 1,
  "fledge": "x",
  "entries": {
    "agent a latest": {
      "digest": "${one}",
      "tag": "v1",
      "url": "https://example.org/a"
    },
    "image b linux/amd64": {
      "digest": "${two}"
    }
  }
}
`);
  expect([...parseLock(text, "fledge.lock")].sort()).toEqual([...entries].sort());
  expect(formatLock(new Map([...entries].reverse()))).toBe(text);
});

const good = formatLock(new Map([["image a linux/amd64", { digest: one }]]));

it.each<[what: string, text: string, message: RegExp, problem?: string]>([
  ["a merge conflict", `<<<<<<< ours\n${good}=======\n${good}>>>>>>> theirs\n`, /has a merge conflict in it/],
  ["half of a lock", good.slice(0, 60), /is not a lock: it is not JSON/],
  ["nothing", "", /is not a lock: it is not JSON/],
  ["an array", "[]", /is not a lock: it is not an object/],
  ["no entries", '{ "lockfileVersion": 1 }', /is not a lock: it has no version or no entries/],
  ["a newer version", good.replace('Version": 1', 'Version": 2'), /is of a newer fledge, \S+: its version is 2/],
  ["an odd version", good.replace('Version": 1', 'Version": "1"'), /it has no version/],
  ["a short digest", good.replace(one, "sha256:12"), /some of its entries/, "has no digest"],
  ["no digest", good.replace(/\{\s*"digest": "[^"]*"\s*\}/, "{}"), /some of its entries/, "has no digest"],
  ["no object", good.replace(/\{\s*"digest": "[^"]*"\s*\}/, '"it"'), /some of its entries/, "is not an object"],
  ["a number", good.replace(`"${one}"`, `"${one}", "size": 1`), /some of its entries/, "has a size that is not a text"],
  [
    "twice",
    good.replace('"image a', `"image a linux/amd64": { "digest": "${two}" },\n"image a`),
    /some/,
    "is there twice",
  ],
  [
    "twice, with a space",
    good.replace('"image a', `"image a linux/amd64" : { "digest": "${two}" },\n"image a`),
    /some/,
    "is there twice",
  ],
])("%s is refused", (_, text, message, problem) => {
  let thrown: unknown;
  try {
    parseLock(text, "/p/fledge.lock");
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toMatchObject({ code: "config", message: expect.stringMatching(message), hint: expect.any(String) });
  if (problem === undefined) return;
  const said = `"image a linux/amd64" ${problem}`;
  expect(thrown).toMatchObject({ problems: [{ file: "/p/fledge.lock", message: expect.stringContaining(said) }] });
});
