import { describe, expect, it } from "vitest";
import { hasStage, isCacheable, stagesOf } from "../../../../src/sources/engines/stages.ts";

describe("stagesOf", () => {
  it.each([
    ["FROM debian", [""]],
    ["ARG B=debian\nFROM $B AS build\nRUN make\n\nfrom build as Final\n", ["build", "Final"]],
    ["FROM --platform=$BUILDPLATFORM golang:1.22 AS go\n", ["go"]],
    ["FROM \\\n  # a comment inside\n  debian \\\n  AS long\n", ["long"]],
    ["# escape=`\nFROM debian `\n AS win\nRUN echo \\\nFROM x AS y\n", ["win", "y"]],
    ["# syntax=docker/dockerfile:1\nFROM a AS b", ["b"]],
    ["# FROM commented AS out\nFROM a\r\nCOPY FROM.txt /\r\n", [""]],
    ["RUN echo FROM a AS b", []],
    ["", []],
  ])("%j", (text, stages) => {
    expect(stagesOf(text)).toEqual(stages);
  });

  it("does not guess where another frontend reads the file", () => {
    expect(stagesOf("# syntax = example.com/frontend:1\nFROM a AS b")).toBeUndefined();
  });
});

it("a target is a name in any case, or a number", () => {
  const stages = ["build", "", "App"];
  expect(["build", "BUILD", "app", "0", "2"].every((target) => hasStage(stages, target))).toBe(true);
  expect(["", "biuld", "3"].some((target) => hasStage(stages, target))).toBe(false);
});

describe("isCacheable", () => {
  it.each<[string, string[], boolean]>([
    ["FROM debian\nCOPY a /b\nENV A=1\n", [], true],
    ["ARG B=debian\nFROM $B\nARG V\nRUN make $V\n", ["B", "V"], true],
    ["FROM debian\nARG V=1\nENV A=$V\n", [], false],
    ["FROM debian\nARG V=1\nlabel v=\\\n  $V\n", ["V"], false],
    ["FROM debian\nARG V\nWORKDIR /srv/$V\n", ["V"], false],
    ["FROM debian\nARG V\nCOPY a /b-$V\n", ["V"], false],
    ["FROM debian\nARG V\nUSER $V\n", ["V"], false],
    ["FROM debian\nRUN make\n", ["OF_THE_BASE"], false],
    ["FROM debian\nRUN make\n", ["HTTP_PROXY", "no_proxy"], true],
    ["FROM debian\n# ENV A=$V\nRUN make\n", [], true],
  ])("%j with %j: %s", (text, args, expected) => {
    expect(isCacheable(text, args)).toBe(expected);
  });
});
