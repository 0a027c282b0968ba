import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { nowMs } from "../../lib/clock.ts";

const TICKET_MS = 60_000;

/** Links by which a browser downloads what is too large for a script: good for one path, and for a minute. */
export class Tickets {
  readonly #key = randomBytes(32);

  give(path: string): string {
    const until = nowMs() + TICKET_MS;
    return `${path}?ticket=${until}.${this.#sign(path, until)}`;
  }

  isGood(path: string, ticket: string): boolean {
    const [, until = "", signature = ""] = /^(\d{1,15})\.([\w-]{43})$/.exec(ticket) ?? [];
    const wanted = this.#sign(path, Number(until));
    const isSame = signature.length === wanted.length && timingSafeEqual(Buffer.from(signature), Buffer.from(wanted));
    return isSame && nowMs() < Number(until);
  }

  #sign(path: string, until: number): string {
    return createHmac("sha256", this.#key).update(`${path}\0${until}`).digest("base64url");
  }
}
