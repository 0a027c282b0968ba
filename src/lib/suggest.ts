/** The candidate nearest to a misspelt or shortened word, or undefined when none is near enough to be what was meant. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const all = [...candidates];
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of all) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return bestDistance <= 2 && best !== undefined ? best : (containing(word.toLowerCase(), all) ?? best);
}

/** The shortest candidate that goes on where a word ends, or has it within: an abbreviation is no misspelling. */
function containing(word: string, candidates: readonly string[]): string | undefined {
  if (word.length < 3) return undefined;
  const matches = candidates.filter((candidate) => candidate.toLowerCase().includes(word));
  const rank = (candidate: string): number => (candidate.toLowerCase().startsWith(word) ? 0 : 1_000) + candidate.length;
  return matches.sort((a, b) => rank(a) - rank(b))[0];
}

/** `did you mean "x"?`, or else the list of what there is; undefined when there is nothing to offer. */
export function didYouMean(word: string, candidates: Iterable<string>): string | undefined {
  const all = [...candidates];
  const match = nearest(word, all);
  if (match !== undefined) return `did you mean "${match}"?`;
  return all.length > 0 ? `known: ${all.join(", ")}` : undefined;
}

/** Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours. */
function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(at(previous, j) + 1, at(current, j - 1) + 1, at(previous, j - 1) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, at(beforePrevious, j - 2) + 1);
      }
      current.push(cost);
    }
    beforePrevious = previous;
    previous = current;
  }
  return at(previous, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
