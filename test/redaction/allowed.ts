import type { Leak } from "./search.js";

/** A place where a secret belongs, and why. Everything that is not here fails the test. */
interface Allowed {
  readonly secret: string;
  readonly capture: string;
  readonly where: RegExp;
  readonly because: string;
}

/**
 * Two places are not searched at all, because nothing else can be sent there: the `Authorization` header at the MCP
 * server, and the form at Entra's token endpoint. The headers of the requests to the model are the agent's own.
 */
export const allowed: readonly Allowed[] = [
  {
    secret: "link",
    capture: "page",
    where: /^the page of (Ada|a visitor): ours \/$/,
    because: "the card in the chat is where the person follows their link",
  },
  {
    secret: "link",
    capture: "page",
    where: /(\/|ours \/sign-in\/)start$/,
    because: "the page behind the link asks whether to go on; its button sends the link's ticket back",
  },
  {
    secret: "link",
    capture: "browser history",
    where: /: ours \/sign-in\/start$/,
    because:
      "the person opened the link in this tab; it lives for minutes and leads one person to one sign-in",
  },
  {
    secret: "link",
    capture: "browser history",
    where: /: (on the way to .*, )?Entra \/[\w-]{36}\/oauth2\/v2\.0\/authorize$/,
    because:
      "the address bar at Entra: state, nonce and challenge, of use in the browser that has the cookie only",
  },
  {
    secret: "link",
    capture: "browser history",
    where: /: on the way to Entra .*, ours \/auth\/sign-in$/,
    because: "the demo's own sign-in button; what is in its address is the account that was picked",
  },
  {
    secret: "link",
    capture: "browser history",
    where:
      /: (on the way to ours .*, )?ours (\/sign-in\/done|\/sign-in\/callback|\/auth\/callback|\/consent)$/,
    because:
      "back from Entra: a code that is redeemed already, and worth nothing without verifier and client secret",
  },
  {
    secret: "link",
    capture: "referrer",
    where: /, to Entra \/[\w-]{36}\/login$/,
    because: "Entra's pages tell Entra where they are",
  },
  {
    secret: "sign-in code",
    capture: "page",
    where: /(\/|ours \/sign-in\/)done$/,
    because: "the page that shows the code, in the browser that signed in",
  },
  {
    secret: "sign-in code",
    capture: "page",
    where: /^the page of a visitor: ours \/$/,
    because: "the person's own message, with the code they typed",
  },
  {
    secret: "cookie",
    capture: "browser cookies",
    where: /^the page of (Ada|a visitor)$/,
    because: "the browser's jar is where cookies are; no script of a page can read these",
  },
  {
    secret: "link",
    capture: "error",
    where: /^(SourceFailed|RpcFailure)$/,
    because: "inside the Foundry emulator: the platform's error -32006 is the link, on its way to the agent",
  },
];

export function isAllowed({ secret, capture, where }: Leak): boolean {
  return allowed.some((one) => one.secret === secret && one.capture === capture && one.where.test(where));
}

/** The places of the list that nothing was found in: a list that is longer than it has to be hides leaks. */
export function unused(leaks: readonly Leak[]): string[] {
  return allowed
    .filter(
      (one) =>
        !leaks.some(
          (leak) => one.secret === leak.secret && one.capture === leak.capture && one.where.test(leak.where),
        ),
    )
    .map(({ because }) => because);
}
