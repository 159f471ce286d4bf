/**
 * Authentication contexts, to which a tenant attaches Conditional Access policies. Their ids are `c1` to `c99`.
 * Source: learn.microsoft.com, identity-platform, authentication context developer guide.
 */
export function isAuthContext(id: string): boolean {
  return /^c[1-9]\d?$/.test(id);
}

/** The claims request for a token that satisfies an authentication context. */
export function authContextRequest(id: string): string {
  return JSON.stringify({ access_token: { acrs: { essential: true, value: id } } });
}
