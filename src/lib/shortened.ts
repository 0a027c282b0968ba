/** No more of a text from outside than a message bears. */
export function shortened(text: string, maxLength = 200): string {
  return text.length <= maxLength ? text : `${text.slice(0, maxLength)}... (${text.length} characters)`;
}

/** The first of many, with commas between, and how many there are beside them. */
export function listed(items: readonly string[], max = 20): string {
  const shown = items
    .slice(0, max)
    .map((item) => shortened(item))
    .join(", ");
  return items.length <= max ? shown : `${shown} and ${items.length - max} more`;
}
