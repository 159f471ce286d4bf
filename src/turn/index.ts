/**
 * For hosts of your own: turns over any protocol, their events and consent items piece by piece. `responses()` of the
 * root and of the adapters does all of it for `POST /responses`.
 * @module turn
 */
export { type ResponseEvent } from "../foundry/events.js";
export {
  consentEvents,
  oauthConsentRequest,
  type OAuthConsentRequestInit,
  type StreamPosition,
} from "../consent/consent-item.js";
export { runTurn, type RunTurnOptions, type TurnResult } from "./run-turn.js";
export { toSse, type ToSseOptions } from "./to-sse.js";
export { withConsent, type WithConsentOptions } from "./with-consent.js";
