import type { FetchLike, UserAccess } from "hosted-agent-identity";

/** Ways to break the story of two hops. Each has to be noticed. */
export const twoHopsBreaks = {
  "shared-second-hop": "the MCP server keeps the token of its first caller for the API behind it",
} as const;

export type TwoHopsBreak = keyof typeof twoHopsBreaks;

/** An access with the mistake of a token in a variable. */
export function sharingItsFirstToken(access: UserAccess): { readonly fetch: FetchLike } {
  let first: Promise<string> | undefined;
  return {
    async fetch(input, init) {
      first ??= access.token().then(({ token }) => token);
      return fetch(input, { ...init, headers: { authorization: `Bearer ${await first}` } });
    },
  };
}
