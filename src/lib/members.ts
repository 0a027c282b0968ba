import { nearest } from "./suggest.ts";

/** What each member of an object that a user writes has to be; "?" marks those that may be left out. */
export type Members = Readonly<Record<string, "text" | "text?" | "boolean" | "function" | "function?">>;

export type MemberProblem = { readonly key: string; readonly message: string; readonly hint?: string };

/** Why an object is not what is asked for. A member of another name is the user's own, unless it looks misspelt. */
export function memberProblems(value: object, wanted: Members): MemberProblem[] {
  const members = value as Readonly<Record<string, unknown>>;
  const wrong = Object.entries(wanted).flatMap(([key, rule]): MemberProblem[] => {
    const member = members[key];
    if (member === undefined && rule.endsWith("?")) return [];
    const kind = rule.replace("?", "");
    if (kind === "text") {
      return typeof member === "string" && member !== "" ? [] : [{ key, message: "needs a text" }];
    }
    const article = kind === "function" ? "a function" : "true or false";
    return typeof member === kind ? [] : [{ key, message: `is not ${article}` }];
  });
  const others = Object.keys(value).filter((key) => !(key in wanted));
  const misspelt = others.flatMap((key): MemberProblem[] => {
    const meant = nearest(key, Object.keys(wanted));
    return meant === undefined || members[meant] !== undefined
      ? []
      : [{ key, message: "unknown key", hint: `did you mean "${meant}"?` }];
  });
  return [...misspelt, ...wrong];
}
