import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { addToken, TokenFile } from "../../../../src/serve/http/index.ts";
import { tempDir } from "../../../helpers/temp.ts";

test("a token is shown once, and its digest is what is kept", async () => {
  const path = join(tempDir(), "tokens");
  const [ann, bob] = [await addToken(path, "ann"), await addToken(path, "bob")];
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const text = readFileSync(path, "utf8");
  expect(text).toMatch(/^ann sha256:[0-9a-f]{64}\nbob sha256:[0-9a-f]{64}\n$/);
  expect([ann, bob].some((token) => text.includes(token))).toBe(false);
  const tokens = new TokenFile(path);
  expect([ann, bob, "", "ann", `${ann} `].map((token) => tokens.nameOf(token))).toEqual([
    "ann",
    "bob",
    undefined,
    undefined,
    undefined,
  ]);
  writeFileSync(path, `# left\n${text.split("\n")[1]}\n`);
  expect([tokens.nameOf(ann), tokens.nameOf(bob)]).toEqual([undefined, "bob"]);
});

test("says what is wrong with a file of tokens", async () => {
  const path = join(tempDir(), "tokens");
  expect(() => new TokenFile(path)).toThrow("no such file");
  writeFileSync(path, "# nobody yet\n", { mode: 0o600 });
  expect(() => new TokenFile(path)).toThrow("has no tokens");
  await expect(addToken(path, "with space")).rejects.toThrow("cannot be the name");
  await addToken(path, "ann");
  await expect(addToken(path, "ann")).rejects.toThrow('has a token for "ann"');
  chmodSync(path, 0o622);
  expect(() => new TokenFile(path)).toThrow("others may write");
  chmodSync(path, 0o600);
  writeFileSync(path, "ann secret\n");
  expect(() => new TokenFile(path)).toThrow("line 1");
});
