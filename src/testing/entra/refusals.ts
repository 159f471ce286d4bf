import { clientRefusals, type ClientRefusal } from "./refusals/client.js";
import type { RefusalFacts } from "./refusals/facts.js";
import { signInRefusals, type SignInRefusal } from "./refusals/sign-in.js";
import { userRefusals, type UserRefusal } from "./refusals/user.js";

/** Every refusal of the emulator. */
export type RefusalName = ClientRefusal | UserRefusal | SignInRefusal;

/** As Entra writes them. Microsoft: react to `error`, never to the text. */
export const refusals: Readonly<Record<RefusalName, RefusalFacts>> = {
  ...clientRefusals,
  ...userRefusals,
  ...signInRefusals,
};
