import type { ErrorCodeFacts } from "../facts.js";

/**
 * Getting a token for the user.
 * @inline
 */
export type TokenCode =
  | "no_token"
  | "consent_required"
  | "sign_in_required"
  | "step_up_required"
  | "token_exchange_failed"
  | "entra_unreachable"
  | "entra_timeout"
  | "entra_bad_response"
  | "client_credential_failed"
  | "wrong_user"
  | "backing_off"
  | "closed";

export const tokenCodes: Readonly<Record<TokenCode, ErrorCodeFacts>> = {
  no_token: {
    category: "config",
    title: "No token source could give a token for this user.",
    help: "Read `skipped`: it says why each source did not apply.",
  },
  consent_required: {
    category: "consent",
    title: "The user must open a link first.",
    help: "Return the consent request to the client, then run the turn again.",
  },
  sign_in_required: {
    category: "signin",
    title: "Entra wants the user to sign in again.",
    help: "Answer the caller with 401, so that it signs the user in again and sends the new token.",
  },
  step_up_required: {
    category: "stepup",
    title: "Entra wants the user to prove more, for example with a second factor.",
    help: "Relay the claims challenge to the caller, so that it gets and sends a new token.",
  },
  token_exchange_failed: {
    category: "config",
    title: "Entra refused the token exchange.",
    help: "Read `errorCodes` and `category`, and run hosted-agent-identity explain on the AADSTS code.",
  },
  entra_unreachable: {
    category: "retry",
    title: "Entra could not be reached.",
    help: "Try again. If it keeps failing, check that this host can reach the cloud's login host.",
  },
  entra_timeout: {
    category: "retry",
    title: "Entra did not answer in time.",
    help: "Try again. If the network is slow, raise timeoutMs of entraApp().",
  },
  entra_bad_response: {
    category: "retry",
    title: "Entra's endpoint answered with something other than a token response.",
    help: "Look for a proxy or captive portal between this host and the cloud's login host.",
  },
  client_credential_failed: {
    category: "cred",
    title: "The app's own credential could not be used.",
    help: "Check the secret, certificate or federated credential given to entraApp().",
  },
  wrong_user: {
    category: "blocked",
    title: "A token came back for another user; it was discarded.",
    help: "Do not retry blindly: report it with the trace id. A proxy that caches POST responses can cause this.",
  },
  backing_off: {
    category: "throttle",
    title: "Entra asked us to wait, or the same exchange was made too often; no request was sent.",
    help: "Try again after retryAfterMs.",
  },
  closed: {
    category: "config",
    title: "This object has been closed.",
    help: "Do not use it after close(); create a new one.",
  },
};
