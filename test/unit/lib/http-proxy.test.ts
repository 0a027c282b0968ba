import { describe, expect, it } from "vitest";
import { proxyFor } from "../../../src/lib/http-proxy.ts";

const PROXY = "http://proxy:3128";

describe("proxyFor", () => {
  it.each([
    ["http://a/", { http_proxy: PROXY }, "http_proxy"],
    ["http://a/", { HTTP_PROXY: PROXY }, "HTTP_PROXY"],
    ["https://a/", { https_proxy: PROXY, http_proxy: "http://other" }, "https_proxy"],
    ["https://a/", { ALL_PROXY: PROXY }, "ALL_PROXY"],
    ["http://a/", { http_proxy: "", HTTP_PROXY: " ", all_proxy: "proxy:3128" }, "all_proxy"],
  ])("%s by %j", (url, env, variable) => {
    expect(proxyFor(new URL(url), env)).toEqual({ url: PROXY, variable });
  });

  it.each([
    ["https://a/", { http_proxy: PROXY }],
    ["http://a/", { https_proxy: PROXY }],
    ["http://a/", {}],
  ])("none for %s by %j", (url, env) => {
    expect(proxyFor(new URL(url), env)).toBeUndefined();
  });

  it.each([
    ["http://a.example.org/", "example.org"],
    ["http://a.example.org/", ".example.org"],
    ["http://a.example.org/", "*.EXAMPLE.org"],
    ["http://example.org/", "x, example.org"],
    ["http://example.org:81/", "x example.org:81"],
    ["https://example.org/", "example.org:443"],
    ["http://[::1]:80/", "::1"],
    ["http://[::1]:81/", "[::1]:81"],
    ["http://anything/", "*"],
  ])("none for %s by no_proxy=%s", (url, no_proxy) => {
    expect(proxyFor(new URL(url), { all_proxy: PROXY, no_proxy })).toBeUndefined();
  });

  it.each([
    ["http://notexample.org/", "example.org"],
    ["http://example.org/", "example.org:81"],
    ["http://example.org.uk/", "example.org"],
    ["http://example.org/", ",, "],
  ])("one for %s in spite of no_proxy=%s", (url, no_proxy) => {
    expect(proxyFor(new URL(url), { all_proxy: PROXY, no_proxy })).toEqual({ url: PROXY, variable: "all_proxy" });
  });

  it("refuses what is no URL, without its password", () => {
    expect(() => proxyFor(new URL("http://a/"), { http_proxy: "me:s3cret@a b" })).toThrow(
      'http_proxy: "http://a b" is not the URL of an http proxy',
    );
  });
});
