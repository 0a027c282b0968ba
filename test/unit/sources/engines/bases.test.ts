import { describe, expect, it } from "vitest";
import { basesOf, withDigests } from "../../../../src/sources/engines/bases.ts";

const platform = { os: "linux", architecture: "arm64" };
const read = (text: string, buildArgs = {}) => basesOf(text, { buildArgs, platform });
const names = (text: string, buildArgs = {}) => read(text, buildArgs).bases.map(({ name }) => name);

describe("the images that a Dockerfile names", () => {
  it.each<[text: string, names: string[], buildArgs?: Record<string, string>]>([
    ["FROM debian:12", ["debian:12"]],
    ["FROM scratch", []],
    ["FROM go AS Build\nFROM build\nCOPY --from=BUILD /a /b\nCOPY --from=0 /a /b", ["go"]],
    ["FROM a\nCOPY --chown=1 --from=nginx:alpine /a /b", ["a", "nginx:alpine"]],
    [`ARG V=1\nFROM a:$V\nARG V=2\nFROM b:\${V}`, ["a:1", "b:1"]],
    [`ARG V\nFROM a:\${V:-9}`, ["a:9"]],
    [`ARG V=1\nARG W=\${V}.2\nFROM a:$W`, ["a:7.2"], { V: "7" }],
    ['ARG V="1"\nFROM "a:$V"', ["a:1"]],
    ["FROM a-$TARGETARCH", ["a-arm64"]],
    ["FROM a\nRUN <<EOF\nFROM b\nEOF\nCOPY <<-'X' /y\n\tFROM c\n\tX\nFROM d", ["a", "d"]],
    ["FROM a\nRUN echo $((1<<2))\nFROM b", ["a", "b"]],
    ["FROM \\\n  # inside\n  a \\\n  AS b\nFROM b", ["a"]],
  ])("%j", (text, expected, buildArgs) => {
    expect(names(text, buildArgs)).toEqual(expected);
    expect(read(text, buildArgs).unknown).toEqual([]);
  });

  it.each([
    "FROM a:$V",
    "FROM localhost/mine",
    "FROM a\nCOPY --from=$V /a /b",
    `ARG V\nFROM a:\${V}`,
    `FROM a:\${V%x}`,
  ])("%j has one that cannot be told", (text) => {
    expect(read(text).unknown).toHaveLength(1);
  });

  it("are for the platform that FROM says", () => {
    const { bases } = read("FROM --platform=linux/s390x a\nFROM --platform=$TARGETPLATFORM b\nFROM c");
    expect(bases.map((base) => base.platform.architecture)).toEqual(["s390x", "arm64", "arm64"]);
  });

  it("and what else it fetches is said", () => {
    const text = `# syntax=docker/dockerfile:1
FROM a AS one
RUN --mount=type=bind,from=tools:1,target=/t make
RUN --mount=from=one true
ADD https://example.org/x /x
ADD y /y`;
    expect(read(text).notes).toEqual([
      "what its RUN instructions (2) fetch is not held by a lock",
      "what its ADD instructions fetch by URL (1) is not held by a lock",
      "the image of a mount, tools:1, is not held by a lock",
      "its frontend, docker/dockerfile:1, is not held by a lock",
    ]);
  });
});

it("digests take the place of names, and no other line changes or moves", () => {
  const text = [
    "# comment: FROM a",
    "ARG V=1",
    "FROM --platform=linux/arm64 \\",
    "  a:$V \\",
    "  AS one",
    "RUN <<EOF",
    "FROM a:1",
    "EOF",
    "FROM one",
    'COPY --from=b/c:2 "/with  two" /srv/',
    "FROM unknown\r",
    "",
  ].join("\n");
  const { bases } = read(text);
  const held = withDigests(text, bases, ({ name }) => (name === "unknown" ? undefined : `sha256:${name}`));
  expect(held.split("\n")).toEqual([
    "# comment: FROM a",
    "ARG V=1",
    "FROM --platform=linux/arm64 docker.io/library/a@sha256:a:1 AS one",
    "",
    "",
    "RUN <<EOF",
    "FROM a:1",
    "EOF",
    "FROM one",
    'COPY --from=docker.io/b/c@sha256:b/c:2 "/with  two" /srv/',
    "FROM unknown\r",
    "",
  ]);
});
