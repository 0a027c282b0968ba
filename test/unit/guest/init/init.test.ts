import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { renderInit } from "../../../../src/guest/init/init.ts";
import { describeWith, requireTools } from "../../../helpers/requirements.ts";

const AWKWARD = ["/bin/my app", "/bin/it's", '/bin/"x"', "/bin/$HOME", "/bin/`id`", "/bin/a\\b", "/bin/$&$'", "/bin/ü"];

describe("renderInit", () => {
  it("fills in the two lines and changes nothing else", () => {
    const script = renderInit({ run: "/bin/kestrel", how: "child" }).split("\n");
    expect(script[0]).toBe("#!/bin/busybox sh");
    expect(script.filter((line) => /^FLEDGE_\w+=/.test(line))).toEqual([
      "FLEDGE_RUN='/bin/kestrel'",
      "FLEDGE_HOW='child'",
    ]);
    expect(script.join("\n")).toBe(renderInit({ run: "/bin/kestrel", how: "exec" }).replace("='exec'", "='child'"));
  });

  it("refuses a path that is not absolute", () => {
    expect(() => renderInit({ run: "bin/app", how: "exec" })).toThrow(
      'the init cannot run "bin/app": it is not an absolute path of the guest',
    );
  });

  it.each(["/bin/a\nb", "/bin/a\0b", "/bin/a\rb"])("refuses %j", (run) => {
    expect(() => renderInit({ run, how: "exec" })).toThrow("its path has a line break or a NUL");
  });
});

describeWith("the rendered script", [requireTools("busybox", "shellcheck")], () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "fledge-init-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each(AWKWARD)("quotes %s", (run) => {
    const assignment = renderInit({ run, how: "exec" })
      .split("\n")
      .find((line) => line.startsWith("FLEDGE_RUN="));
    const shell = spawnSync("busybox", ["sh", "-c", `${assignment}\nprintf %s "$FLEDGE_RUN"`], { encoding: "utf8" });
    expect(shell.stdout).toBe(run);
  });

  it("passes shellcheck, and the parser of the shell that runs it", () => {
    const path = join(folder, "init");
    writeFileSync(path, renderInit({ run: "/opt/it's/my app", how: "child" }));
    expect(spawnSync("busybox", ["sh", "-n", path], { encoding: "utf8" })).toMatchObject({ status: 0, stderr: "" });
    expect(spawnSync("shellcheck", [path], { encoding: "utf8" })).toMatchObject({ status: 0, stdout: "" });
  });
});
