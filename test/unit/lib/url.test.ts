import { expect, it, test } from "vitest";
import { dropSecrets, isLoopback } from "../../../src/lib/url.ts";

it.each([
  ["https://user:p@ss@host:1/a/b?token=x#y", "https://host:1/a/b"],
  ["https://user@host", "https://host"],
  ["HTTPS://u:p@host/?x", "HTTPS://host/"],
  ["https://host/@scope/name@1.0", "https://host/@scope/name@1.0"],
  ["https://host?u=a@b", "https://host"],
  ["file:///srv/x?y", "file:///srv/x"],
  ["/srv/what?.bin", "/srv/what?.bin"],
  ["./a#b", "./a#b"],
])("%s is shown as %s", (url, shown) => {
  expect(dropSecrets(url)).toBe(shown);
});

test.each(["localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]"])("%s is this machine", (host) => {
  expect(isLoopback(host)).toBe(true);
});

test.each(["localhost.example.org", "127.0.0.1.nip.io", "128.0.0.1", "::2", ""])("%s is not", (host) => {
  expect(isLoopback(host)).toBe(false);
});
