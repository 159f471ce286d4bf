/** Whether a URL may be given a secret: https, or http on a loopback host, and without user information. */
export function isSecureUrl({ protocol, hostname, username, password }: URL): boolean {
  const secure = protocol === "https:" || (protocol === "http:" && isLoopback(hostname));
  return secure && username === "" && password === "";
}

/** Whether a host name of a parsed URL names this machine. */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname);
}
