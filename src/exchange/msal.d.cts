import type * as Msal from "@azure/msal-node";

/** Loads MSAL. */
export declare const load: () => typeof Msal;
