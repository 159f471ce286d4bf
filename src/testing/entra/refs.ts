import { check } from "../../options/checks.js";
import type { OptionCheck } from "../../options/option-table.js";

/**
 * An app by name, client id, app-ID URI, or as `entra.app()` returned it. Microsoft's own are there too, by
 * the same: `https://ai.azure.com` for Foundry, `https://graph.microsoft.com`, `api://AzureADTokenExchange`.
 *
 * @group Test kit
 */
export type AppRef = string | { readonly clientId: string };

/**
 * A user by name, upn, object id, or as `entra.user()` returned it.
 *
 * @group Test kit
 */
export type UserRef = string | { readonly oid: string };

/** An app or a user of the emulator: by name, or as it was returned. */
export const refOption: OptionCheck<never> = check<never>(
  "mixed",
  "a name, an id, or what the emulator returned",
  (ref: unknown) =>
    (typeof ref === "string" && ref !== "") || (!Array.isArray(ref) && Object.keys(ref as object).length > 0),
);
