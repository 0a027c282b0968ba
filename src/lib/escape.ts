/** Characters of a text that must not reach a terminal or a page as they are, as `\\xNN` and `\\uNNNN`. */
export function escapeCharacters(text: string, unsafe: RegExp): string {
  return text.replace(unsafe, (char) => {
    const code = char.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}
