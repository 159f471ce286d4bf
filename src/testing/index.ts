export { startEntra } from "./entra/start.js";
export type { AppTokenRequest, ConsentChange, EntraEmulator, UserTokenRequest } from "./entra/emulator.js";
export type {
  AgentIdentityOptions,
  EntraAppOptions,
  EntraOptions,
  EntraScopeOptions,
  EntraTenantOptions,
  EntraUserOptions,
  FederatedCredentialOptions,
  ManagedIdentityOptions,
  RedirectUriOptions,
} from "./entra/options.js";
export type { EntraApp, EntraTenant, EntraUser, ManagedIdentity } from "./entra/directory-objects.js";
export type { AppRef, UserRef } from "./entra/refs.js";
export type { ActivePolicy, EntraPolicies } from "./entra/policies.js";
export type { EntraGrant, EntraPolicy, PolicyTarget } from "./entra/policy-types.js";
export type { IssuedSecret } from "./entra/issued.js";
export type { EntraRequest } from "./entra/log.js";
export { testUserContext, type TestUserContextOptions } from "../context/test-context.js";
export {
  signInStoreSuite,
  type SignInStoreCheck,
  type SignInStoreSuiteOptions,
} from "./sign-in/store-suite.js";
export type { StoreUnderTest } from "./sign-in/store-under-test.js";
export { checkIsolation } from "./isolation/check.js";
export type { IsolationOptions, IsolationTrouble } from "./isolation/options.js";
export type { IsolationFault, IsolationReport } from "./isolation/report.js";
export {
  startWitness,
  type Witness,
  type WitnessCall,
  type WitnessFacts,
  type WitnessOptions,
} from "./isolation/witness.js";
export { startFoundry, type FoundryEmulator } from "./foundry/start.js";
export type { InProcessServer } from "./foundry/in-process-server.js";
export type { FoundryOptions } from "./foundry/options.js";
export type { FoundryFault } from "./foundry/faults.js";
export type { FoundryRequest } from "./foundry/log.js";
export type {
  SourceFailure,
  ToolboxOptions,
  ToolDefinition,
  ToolSourceAuth,
  ToolSourceOptions,
} from "./foundry/toolbox/options.js";
