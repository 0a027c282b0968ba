import type { Explanation } from "../../inspect/why.ts";
import { formatSize, fromByteString, toByteString } from "../../lib/bytes.ts";
import { type Origin, originText } from "../../rootfs/origin.ts";
import { bold, gray, line, type Shown, shown } from "../terminal.ts";

/** Who put a path there, what it replaced or who took it away, and where else its content is. */
export function explanationLines({ path, origin, gone, copies }: Explanation): Shown[] {
  const isThere = origin !== undefined;
  const first = isThere
    ? line`${bold`${named(path)}`} is from ${originLine(origin)}`
    : line`${bold`${named(path)}`} is not there`;
  return [
    first,
    ...(origin?.detail === undefined ? [] : [gray`  ${oneLine(origin.detail)}`]),
    ...gone.map(({ path: lost, bytes, from, by }) => {
      const what = lost === path ? line`` : line` with ${named(lost)}`;
      const source = from === undefined ? line`what was there` : line`what ${originLine(from)} had there`;
      const size = bytes > 0 ? gray` (${formatSize(bytes)})` : line``;
      return line`  ${by === undefined ? line`something` : originLine(by)} took away ${source}${what}${size}`;
    }),
    ...(copies.length === 0 ? [] : [line`  the same content is in`, ...copies.map((copy) => line`    ${named(copy)}`)]),
  ];
}

function originLine(origin: Origin): Shown {
  const { file } = origin;
  return line`${oneLine(originText(origin))}${file === undefined ? line`` : gray` of ${named(file)}`}`;
}

function oneLine(text: string): Shown {
  return shown(text).oneLine;
}

function named(path: string): Shown {
  return oneLine(fromByteString(toByteString(path)));
}
