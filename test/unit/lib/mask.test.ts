import { expect, it } from "vitest";
import { maskFor } from "../../../src/lib/mask.ts";

it("hides values, each line of those that have several, and the longer of two that overlap", () => {
  const mask = maskFor(["token-1", "//registry/:_auth=token-12\nalways=true\n", ""]);
  expect(mask("GET token-1, token-12 and token-1")).toBe("GET ***, ***2 and ***");
  expect(mask("  //registry/:_auth=token-12 ")).toBe("  *** ");
  expect(mask("always=true")).toBe("***");
});

it("leaves alone what is too short to be told apart, and everything when there is nothing to hide", () => {
  expect(maskFor(["abc"])("abcabc")).toBe("abcabc");
  expect(maskFor([])("text")).toBe("text");
});

it.each(["s3cret", "p@ss w/rd?+&=%", 'quo"te\\back', "пароль-ключ", "~!*()'~"])("hides %j in every form", (secret) => {
  const mask = maskFor([secret]);
  const base64 = (text: string, encoding: BufferEncoding = "base64") => Buffer.from(text).toString(encoding);
  for (const text of [
    secret,
    encodeURIComponent(secret),
    encodeURIComponent(secret).replace(/%../g, (byte) => byte.toLowerCase()),
    `${new URLSearchParams({ x: secret })}`,
    JSON.stringify({ x: secret }),
    base64(secret),
    base64(secret, "base64url"),
  ]) {
    expect(mask(`before ${text} after`), text).toMatch(/^before .*\*\*\*.* after$/);
    expect(mask(text)).not.toContain(secret);
  }
  // As a part of something longer, at each of the three places that a byte can have.
  for (const user of ["u", "us", "use", "user"]) {
    for (const encoding of ["base64", "base64url"] as const) {
      const header = base64(`${user}:${secret}`, encoding);
      expect(mask(`Authorization: Basic ${header}`)).toContain("***");
      expect(mask(base64(`${user}:${secret} and more`, encoding))).toContain("***");
    }
  }
});

it("hides no text that merely looks alike", () => {
  const mask = maskFor(["s3cret-of-a-test"]);
  const text = "czNjcm Basic dXNlcjp4 %20 STEP 1/4: FROM scratch";
  expect(mask(text)).toBe(text);
});
