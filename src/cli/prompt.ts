import { consola } from "consola";
import { FledgeError } from "../lib/errors.ts";

/** Whether somebody is there to answer; on a pipe a prompt would never settle. */
export function canAsk(): boolean {
  return process.stdin.isTTY === true && process.stdout.isTTY === true;
}

/** Lets a person choose one of some names. Throws an `aborted` error when they cancel. */
export async function choose(question: string, choices: Readonly<Record<string, string>>): Promise<string> {
  const width = Math.max(...Object.keys(choices).map((name) => name.length));
  const options = Object.entries(choices).map(([value, hint]) => ({
    value,
    label: `${value.padEnd(width)}  ${hint}`,
  }));
  return answered(await consola.prompt(question, { type: "select", options, cancel: "null" }));
}

/** Asks until the answer is valid; an empty one is `initial`. Throws an `aborted` error when they cancel. */
export async function ask(
  question: string,
  { initial, rule, isValid }: { initial: string; rule: string; isValid: (text: string) => boolean },
): Promise<string> {
  for (let text = question; ; text = `${question} (${rule})`) {
    const typed = await consola.prompt(text, { type: "text", placeholder: initial, default: initial, cancel: "null" });
    const answer = answered(typed).trim();
    if (isValid(answer)) return answer;
  }
}

function answered(answer: unknown): string {
  if (typeof answer === "string") return answer;
  throw new FledgeError("aborted", "cancelled; nothing was written");
}
