/** A URL for people and logs: without user, password, query and fragment, any of which may hold a secret. Paths stay. */
export function dropSecrets(url: string): string {
  if (!/^[a-z][a-z0-9+.-]*:/i.test(url)) return url;
  return url.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i, "$1").replace(/[?#].*$/s, "");
}

/** Whether a host name or address is this machine's own. */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || hostname === "::1" || /^127(\.\d{1,3}){3}$/.test(hostname);
}
