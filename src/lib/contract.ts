import { nearest } from "./suggest.ts";

/** What each member of an object that a user writes has to be; "?" marks those that may be left out. */
export type Contract = Readonly<Record<string, "text" | "text?" | "boolean" | "function" | "function?">>;

export type ContractProblem = { readonly key: string; readonly message: string; readonly hint?: string };

/** Why an object is not what a contract asks for. A member of another name is the user's own, unless it looks misspelt. */
export function contractProblems(value: object, contract: Contract): ContractProblem[] {
  const members = value as Readonly<Record<string, unknown>>;
  const wrong = Object.entries(contract).flatMap(([key, wanted]): ContractProblem[] => {
    const member = members[key];
    if (member === undefined && wanted.endsWith("?")) return [];
    const kind = wanted.replace("?", "");
    if (kind === "text") {
      return typeof member === "string" && member !== "" ? [] : [{ key, message: "needs a text" }];
    }
    const article = kind === "function" ? "a function" : "true or false";
    return typeof member === kind ? [] : [{ key, message: `is not ${article}` }];
  });
  const others = Object.keys(value).filter((key) => !(key in contract));
  const misspelt = others.flatMap((key): ContractProblem[] => {
    const meant = nearest(key, Object.keys(contract));
    return meant === undefined || members[meant] !== undefined
      ? []
      : [{ key, message: "unknown key", hint: `did you mean "${meant}"?` }];
  });
  return [...misspelt, ...wrong];
}
