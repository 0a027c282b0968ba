import { expect, it } from "vitest";
import { parseChallenges } from "../../../src/registry/challenge.ts";

it.each([
  ['Basic realm="Registry Realm"', [{ scheme: "basic", params: { realm: "Registry Realm" } }]],
  [
    'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"',
    [
      {
        scheme: "bearer",
        params: {
          realm: "https://auth.docker.io/token",
          service: "registry.docker.io",
          scope: "repository:a/b:pull,push",
        },
      },
    ],
  ],
  [
    'Negotiate, Basic realm="a, \\"b\\"", Bearer realm = https://x/t',
    [
      { scheme: "negotiate", params: {} },
      { scheme: "basic", params: { realm: 'a, "b"' } },
      { scheme: "bearer", params: { realm: "https://x/t" } },
    ],
  ],
  [
    ["Basic realm=a", "Bearer REALM=b"],
    [
      { scheme: "basic", params: { realm: "a" } },
      { scheme: "bearer", params: { realm: "b" } },
    ],
  ],
  ["", []],
  [undefined, []],
  ['Bearer realm="unfinished', [{ scheme: "bearer", params: { realm: '"unfinished' } }]],
])("reads %j", (header, expected) => {
  expect(parseChallenges(header)).toEqual(expected);
});
