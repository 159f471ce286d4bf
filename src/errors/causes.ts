import {
  insufficientScopeCauses,
  redirectRefusedCauses,
  resourceUnauthorizedCauses,
  toolboxSourceFailedCauses,
} from "./causes/resource.js";
import {
  consentLinkRefusedCauses,
  invalidOptionCauses,
  noUserContextCauses,
  userTokenAudienceCauses,
} from "./causes/set-up.js";
import {
  storeCorruptCauses,
  storeUnavailableCauses,
  storeUnsuitableCauses,
  userNotIdentifiedCauses,
} from "./causes/sign-in.js";
import {
  backingOffCauses,
  clientCredentialFailedCauses,
  entraBadResponseCauses,
  entraTimeoutCauses,
  wrongUserCauses,
} from "./causes/tokens.js";
import type { ErrorCode } from "./codes.js";
import type { Causes } from "./facts.js";

/** The causes of each code that has several, for the catalogue and for `explain`. */
export const errorCauses: Readonly<Partial<Record<ErrorCode, Causes<string>>>> = {
  user_token_audience: userTokenAudienceCauses,
  no_user_context: noUserContextCauses,
  invalid_option: invalidOptionCauses,
  consent_link_refused: consentLinkRefusedCauses,
  entra_timeout: entraTimeoutCauses,
  entra_bad_response: entraBadResponseCauses,
  client_credential_failed: clientCredentialFailedCauses,
  wrong_user: wrongUserCauses,
  backing_off: backingOffCauses,
  redirect_refused: redirectRefusedCauses,
  resource_unauthorized: resourceUnauthorizedCauses,
  insufficient_scope: insufficientScopeCauses,
  toolbox_source_failed: toolboxSourceFailedCauses,
  user_not_identified: userNotIdentifiedCauses,
  store_unavailable: storeUnavailableCauses,
  store_unsuitable: storeUnsuitableCauses,
  store_corrupt: storeCorruptCauses,
};
