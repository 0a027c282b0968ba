import { frontendOf, instructionsOf, stageOf } from "./instructions.ts";

/**
 * The names of the stages of a Dockerfile, in order, "" for one without; undefined where a frontend other than Docker's
 * says what the file means (`# syntax=`).
 */
export function stagesOf(text: string): string[] | undefined {
  const syntax = frontendOf(text);
  if (syntax !== undefined && !/^(?:docker\.io\/)?docker\/dockerfile(?:[:@]|$)/.test(syntax)) return undefined;
  const froms = [...instructionsOf(text)].filter(({ keyword }) => keyword === "FROM");
  return froms.map((from) => stageOf(from).name);
}

/** Whether a target names one of the stages: by its name, in any case, or by its number. */
export function hasStage(stages: readonly string[], target: string): boolean {
  if (/^\d+$/.test(target)) return Number(target) < stages.length;
  return stages.some((stage) => stage !== "" && stage.toLowerCase() === target.toLowerCase());
}

/**
 * Whether two builds that differ in the values of variables differ in the text of an instruction too, or in what a RUN is
 * known by. The cache of buildah's library goes by nothing else: `ENV A=$B` is to it what it was with another `B`
 * (buildah 5095, 5501, 5575). An argument that no ARG declares is for those of a base image (ONBUILD), which nobody sees.
 */
export function isCacheable(text: string, args: readonly string[]): boolean {
  const declared = new Set<string>();
  for (const { text: instruction, keyword, words } of instructionsOf(text)) {
    if (keyword === "ARG") for (const word of words) declared.add(word.replace(/=.*/s, ""));
    else if (keyword !== "RUN" && keyword !== "FROM" && instruction.includes("$")) return false;
  }
  return args.every((name) => declared.has(name) || PREDEFINED_ARG.test(name));
}

/** Args that need no ARG; they are of no layer. */
const PREDEFINED_ARG = /^(?:https?|ftp|no|all)_proxy$/i;
