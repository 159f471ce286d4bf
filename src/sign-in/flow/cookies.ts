/** A longer `Cookie` header is not read: our own cookies are shorter. In characters. */
const maxCookieLength = 16_384;
/** How many cookies of one name are opened: a browser sends one, or one more that was planted. */
const maxCookies = 4;

/** The values of the cookies of this name that the request brought. */
export function cookiesNamed(request: Request, wanted: string): string[] {
  const header = request.headers.get("cookie") ?? "";
  if (header.length > maxCookieLength) return [];
  const values = header.split(";").flatMap((pair) => {
    const at = pair.indexOf("=");
    return at > 0 && pair.slice(0, at).trim() === wanted ? [pair.slice(at + 1).trim()] : [];
  });
  return values.slice(0, maxCookies);
}

/** The `Set-Cookie` header for one; without `maxAgeS` it ends with the browser's session, with 0 at once. */
export function setCookie(publicUrl: string, name: string, value: string, maxAgeS?: number): string {
  const secure = publicUrl.startsWith("https:") ? "; Secure" : "";
  const lives = maxAgeS === undefined ? "" : `; Max-Age=${maxAgeS}`;
  return `${name}=${value}; Path=/; HttpOnly; SameSite=Lax${lives}${secure}`;
}

/**
 * `__Host-` keeps a neighboring subdomain from planting a cookie of its own. Browsers take it over https
 * only, so on a loopback host the name is plain; there the port is part of it, because cookies ignore ports.
 */
export function cookieName(publicUrl: string): string {
  if (publicUrl.startsWith("https:")) return "__Host-hosted-agent-sign-in";
  return `hosted-agent-sign-in-${new URL(publicUrl).port}`;
}
