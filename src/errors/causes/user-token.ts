/** A token that is commonly sent instead of the right one. */
export interface WrongTokenFacts {
  /** What it is: continues "The user token". */
  readonly is: string;
  /** What to ask for instead. */
  readonly help: string;
}

export type WrongToken =
  | "foundrys"
  | "graph"
  | "microsofts"
  | "idToken"
  | "spelled"
  | "version1"
  | "personal"
  | "encrypted"
  | "opaque"
  | "tolerated";

const own = "a scope of this agent's app (api://<client id>/<scope>)";

/** One table for what refuses tokens at run time, for the command `inspect` and for the catalog. */
export const wrongTokens: Readonly<Record<WrongToken, WrongTokenFacts>> = {
  foundrys: {
    is: "is Foundry's own (https://ai.azure.com)",
    help: "Have the caller ask for a second token, with the scope of this agent's app, and send it in the x-client-user-token header.",
  },
  graph: {
    is: "is for Microsoft Graph",
    help: `Have the caller ask for ${own}: a bare scope such as User.Read means Graph.`,
  },
  microsofts: {
    is: "is for an API of Microsoft's own",
    help: `Have the caller ask for ${own}.`,
  },
  idToken: {
    is: "looks like an ID token: it names no scopes and no client",
    help: `Send the access token instead (accessToken of MSAL's result), for ${own}.`,
  },
  spelled: {
    is: "spells this app's audience in another way (capitals, a slash at the end)",
    help: "Add it to audiences of entraApp() as the token has it, or have the caller use the registered app-ID URI.",
  },
  version1: {
    is: "is of version 1 and names its API by an app-ID URI",
    help: `If the URI is this app's, add it to audiences of entraApp(). Otherwise have the caller ask for ${own}.`,
  },
  personal: {
    is: "is of a personal Microsoft account",
    help: "Sign in with a work or school account of a listed tenant.",
  },
  encrypted: {
    is: "is encrypted (five parts): only its audience can read it",
    help: `Have the caller ask for ${own}.`,
  },
  opaque: {
    is: "is no JSON Web Token, but may be a refresh token, an authorization code, or an access token of a personal account",
    help: `Send the access token that Entra issued for ${own}.`,
  },
  tolerated: {
    is: "has expired. Entra exchanges no expired token, even where the tolerance of clocks let the request pass",
    help: "Get a fresh token from Entra and send the request again.",
  },
};
