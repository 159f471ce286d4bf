/**
 * Ways to break the demo on purpose. Each takes something out that keeps people apart, and
 * `npm run demo -- --once --break=<name>` has to notice it and exit 1.
 */
export const breaks = {
  "shared-token": "the token that was sent first is sent for everybody",
  "swap-users": "the back end sends another person's token along",
  "no-user-token": "the back end sends no person's token along",
  "skip-consent": "the contacts server's app lets the agent in without anybody's consent",
  "decline-consent": "the people say no to Entra's question, and the back end asks again all the same",
} as const;

export type Break = keyof typeof breaks;

export function isBreak(name: string): name is Break {
  return Object.hasOwn(breaks, name);
}

/** A transport's fetch with the mistake of a token in a variable. */
export function sharingTheFirstToken(send: typeof fetch = fetch): typeof fetch {
  let first: string | null = null;
  return (input, init) => {
    const request = new Request(input, init);
    first ??= request.headers.get("authorization");
    if (first !== null) request.headers.set("authorization", first);
    return send(request);
  };
}
