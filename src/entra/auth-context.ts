/**
 * Authentication contexts, which Conditional Access policies of a tenant stand behind. Their ids are `c1` to `c99`.
 * Source: learn.microsoft.com, identity-platform, authentication context developer guide.
 */
export function isAuthContext(id: string): boolean {
  return /^c[1-9]\d?$/.test(id);
}

/** The claims request for a token that has met an authentication context. */
export function authContextRequest(id: string): string {
  return JSON.stringify({ access_token: { acrs: { essential: true, value: id } } });
}
