import { describe, expect, it } from "vitest";
import { diffIdsOf, parseImageConfig } from "../../../src/sources/image-config.ts";

const parse = (document: unknown) => parseImageConfig(Buffer.from(JSON.stringify(document)), "config");

const LAYER = `sha256:${"0".repeat(64)}`;

describe("parseImageConfig", () => {
  it("reads what an image says of itself", () => {
    const document = {
      os: "linux",
      architecture: "arm",
      variant: "v7",
      config: {
        Entrypoint: ["/entry.sh"],
        Cmd: ["nginx", "-g", "daemon off;"],
        Env: ["PATH=/usr/bin:/bin", "A=b=c", "EMPTY=", "BARE", "A=last"],
        WorkingDir: "/srv",
        User: "101:101",
        ExposedPorts: { "80/tcp": {}, "53/udp": {}, "8080": {} },
        Labels: { maintainer: "someone" },
      },
      rootfs: { type: "layers", diff_ids: [LAYER] },
    };
    const config = parse(document);
    expect(config).toEqual({
      raw: Buffer.from(JSON.stringify(document)),
      os: "linux",
      architecture: "arm",
      variant: "v7",
      entrypoint: ["/entry.sh"],
      cmd: ["nginx", "-g", "daemon off;"],
      env: { PATH: "/usr/bin:/bin", A: "last", EMPTY: "", BARE: "" },
      workdir: "/srv",
      user: "101:101",
      exposedPorts: ["8080/tcp", "80/tcp", "53/udp"],
      labels: { maintainer: "someone" },
    });
    expect(diffIdsOf(config.raw, "config")).toEqual([LAYER]);
  });

  const nothing = { os: "linux", architecture: "", entrypoint: [], cmd: [], env: {}, exposedPorts: [], labels: {} };
  it.each([
    {},
    { config: null },
    { config: { Entrypoint: null, Cmd: null, Env: null, WorkingDir: "", User: "", ExposedPorts: null, Labels: null } },
    { config: [], os: 3, architecture: null },
    { config: { Env: [null, 4, "=x"], Labels: { a: 1 }, ExposedPorts: "80" } },
  ])("takes null, absent and odd values for nothing: %j", (document) => {
    expect(parse(document)).toMatchObject(nothing);
  });

  it("reads a command that is a string as the shell form", () => {
    expect(parse({ config: { Cmd: "echo $HOME" } }).cmd).toEqual(["/bin/sh", "-c", "echo $HOME"]);
  });

  it("keeps names that are special in JavaScript as data", () => {
    const config = parse(JSON.parse('{"config":{"Env":["__proto__=x"],"Labels":{"__proto__":"y"}}}'));
    expect(Object.entries(config.env)).toEqual([["__proto__", "x"]]);
  });

  it("refuses what is no document, and artifacts that are no images", () => {
    expect(() => parseImageConfig(Buffer.from("{"), "config sha256:1")).toThrow("config sha256:1 is not JSON");
    expect(() => parseImageConfig(Buffer.from("[]"), "it")).toThrow("it is not a JSON object");
    expect(() => diffIdsOf(Buffer.from("{}"), "it")).toThrow("rootfs.diff_ids");
  });
});
