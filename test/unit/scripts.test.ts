import { spawnSync } from "node:child_process";
import { expect, it } from "vitest";
import { describeWith, requireTools } from "../helpers/requirements.ts";

describeWith("the repository's shell scripts", [requireTools("shellcheck")], () => {
  it.each(["test/setup.sh", ".ci/run"])("%s passes shellcheck", (path) => {
    expect(spawnSync("shellcheck", [path], { encoding: "utf8" })).toMatchObject({ status: 0, stdout: "" });
  });
});
