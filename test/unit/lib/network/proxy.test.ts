import { describe, expect, it } from "vitest";
import { isExcluded, proxyFor } from "../../../../src/lib/network/proxy.ts";

describe("isExcluded", () => {
  it.each<[string, string, boolean]>([
    ["https://a.example.com/x", "example.com", true],
    ["https://example.com/x", "example.com", true],
    ["https://EXAMPLE.com/x", "Example.COM", true],
    ["https://example.com./x", "example.com.", true],
    ["https://a.example.com/x", ".example.com", true],
    ["https://example.com/x", ".example.com", true],
    ["https://a.example.com/x", "*.example.com", true],
    ["https://badexample.com/x", "example.com", false],
    ["https://example.com.evil.org/x", "example.com", false],
    ["https://b\u00fccher.example/x", "b\u00fccher.example", true],
    ["https://a.test/x", "*", true],
    ["https://a.test/x", "b.test, c.test a.test", true],
    ["https://a.test/x", " , ", false],
    ["https://a.test:8443/x", "a.test:8443", true],
    ["https://a.test/x", "a.test:443", true],
    ["http://a.test/x", "a.test:443", false],
    ["http://a.test/x", ".test:80", true],
    ["http://10.1.2.3/x", "10.1.2.3", true],
    ["http://10.1.2.3/x", "10.0.0.0/8", true],
    ["http://11.1.2.3/x", "10.0.0.0/8", false],
    ["http://10.1.2.3:5000/x", "10.1.2.3:5000", true],
    ["http://10.1.2.3:5000/x", "10.1.2.3:80", false],
    ["http://10.1.2.3/x", "2.3", false],
    ["http://10.1.2.3/x", ".3", false],
    ["http://10.1.2.3/x", "10.0.0.0/99", false],
    ["http://[fd00::1]/x", "fd00::1", true],
    ["http://[fd00::1]/x", "[fd00::1]", true],
    ["http://[fd00::1]/x", "FD00:0:0::0:1", true],
    ["http://[fd00::1]:5000/x", "[fd00::1]:5000", true],
    ["http://[fd00::1]:5000/x", "[fd00::1]:80", false],
    ["http://[fd00::1]/x", "fd00::/8", true],
    ["http://[fd00::1]/x", "[fd00::]/8", true],
    ["http://[fd00::1]/x", "[fd00::/8]", true],
    ["http://[fe00::1]/x", "fd00::/8", false],
    ["http://[::ffff:10.0.0.1]/x", "10.0.0.0/8", true],
    ["http://a.test/x", "10.0.0.0/8,fd00::/8", false],
  ])("%s by %j: %s", (url, list, expected) => {
    expect(isExcluded(new URL(url), { no_proxy: list })).toBe(expected);
    expect(isExcluded(new URL(url), { NO_PROXY: list })).toBe(expected);
  });
});

describe("proxyFor", () => {
  const url = new URL("https://files.test/x");

  it.each([
    "socks5://127.0.0.1:1080",
    "socks5h://me:pw@h:1",
    "socks4a://h:1",
    "socks://h:1",
    "ftp://h:1",
    "quic://h:1",
  ])("refuses %s by its scheme, and without its password", (proxy) => {
    const expected = expect.objectContaining({
      code: "usage",
      message: expect.stringContaining(`of the scheme ${proxy.split(":")[0]},`),
      hint: expect.stringContaining("files.test to no_proxy"),
    });
    expect(() => proxyFor(url, { https_proxy: proxy })).toThrow(expected);
    expect(() => proxyFor(url, { HTTPS_PROXY: proxy })).toThrow(expected);
    expect(proxyFor(url, { https_proxy: proxy, no_proxy: "files.test" })).toBeUndefined();
    expect(proxyFor(new URL("https://localhost/x"), { https_proxy: proxy })).toBeUndefined();
    expect(proxyFor(new URL("http://files.test/x"), { https_proxy: proxy })).toBeUndefined();
  });

  it("takes a bare host for an HTTP proxy", () => {
    expect(proxyFor(url, { https_proxy: "proxy:3128" })).toBe("http://proxy:3128");
    expect(proxyFor(url, { https_proxy: "https://proxy:3128" })).toBe("https://proxy:3128");
    expect(proxyFor(url, { https_proxy: " " })).toBeUndefined();
  });
});
