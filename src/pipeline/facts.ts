import { FledgeError } from "../lib/errors.ts";
import { findNonJson, type JsonValue } from "../lib/json.ts";

/** Takes down the facts of one build: each name once, each value as it is at that moment. */
export class FactBook {
  readonly facts: Record<string, JsonValue> = {};
  readonly #statedBy = new Map<string, string>();

  /** `stage` is who says so. Throws a `config` error for a name that is taken or none, and for what JSON cannot hold. */
  add(name: string, value: JsonValue, stage: string): JsonValue {
    if (typeof name !== "string" || !/^[A-Za-z][\w.:-]*$/.test(name)) {
      throw new FledgeError("config", `${JSON.stringify(name)} is not a name for a fact`, {
        hint: 'begin with a letter, and go on with letters, digits, ".", ":", "_" and "-"',
      });
    }
    const known = this.#statedBy.get(name);
    if (known !== undefined) {
      throw new FledgeError("config", `the fact "${name}" is stated twice: "${known}" did so before "${stage}"`, {
        hint: "give each its own name, or state one object with both",
      });
    }
    const problem = findNonJson(value);
    if (problem !== undefined) {
      throw new FledgeError("config", `the fact "${name}" is not JSON: ${problem}`, {
        hint: "use strings, finite numbers, booleans, null, and arrays and plain objects of them",
      });
    }
    // A copy, so that what is reported is what was said.
    const copy = JSON.parse(JSON.stringify(value)) as JsonValue;
    this.#statedBy.set(name, stage);
    this.facts[name] = copy;
    return copy;
  }
}
