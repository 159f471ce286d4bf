import { randomBytes, randomUUID } from "node:crypto";
import {
  authorizeRequest,
  returnAddress,
  sendBack,
  sendBackRefusal,
  type AuthorizeRequest,
} from "./authorize-request.js";
import type { EntraCall } from "./call.js";
import { missingConsent, recordConsent } from "./consent-step.js";
import type { Account, EntraTenant } from "./directory-objects.js";
import { html, type Reply } from "./http.js";
import { accountPicker, approvalPage, consentPage, needAdminPage, type PageForm } from "./pages.js";
import { Refused, refused } from "./refused.js";
import { oneResourceOf, parseScopes } from "./scopes.js";
import { browserOf, type Browser } from "./sessions.js";
import { freshSignIn, remember, type EntraState, type SignIn } from "./state.js";
import { clientInfo } from "./tokens.js";

/** A person on their way through the pages. */
interface Flow {
  readonly kind: "authorize";
  readonly browserId: string;
  readonly request: AuthorizeRequest;
  account?: Account;
  signIn?: SignIn;
  consented?: boolean;
}

/** `GET /{tenant}/oauth2/v2.0/authorize`. Source: identity-platform/v2-oauth2-auth-code-flow. */
export function authorize(call: EntraCall): Reply {
  const { state, tenant, params } = call;
  const address = returnAddress(state, tenant, params);
  call.entry.client = address.client.name;
  call.entry.scopes = (params.get("scope") ?? "").split(" ");
  return orSentBack(state, address, () => {
    const request = authorizeRequest(address, tenant, params);
    const browser = browserOf(state, call.request);
    const flow: Flow = { kind: "authorize", browserId: browser.id, request };
    const id = randomUUID();
    remember(state.flows, id, flow);
    return nextStep(call, id, flow, browser);
  });
}

/** `POST /{tenant}/login`: a button of one of the pages. */
export function signInForm(call: EntraCall): Reply {
  const { state, params } = call;
  const id = params.get("ctx") ?? "";
  const flow = state.flows.get(id);
  const browser = browserOf(state, call.request);
  if (!isFlow(flow) || flow.browserId !== browser.id) throw refused("flow_expired");
  call.entry.client = flow.request.client.name;
  if (params.has("cancel")) {
    state.flows.delete(id);
    return sendBackRefusal(state, flow.request, refused("consent_declined"), { subcode: "cancel" });
  }
  return orSentBack(state, flow.request, () => {
    takeAnswer(call, flow, browser);
    return nextStep(call, id, flow, browser);
  });
}

/** Notes what the person did on the page that was open. */
function takeAnswer({ state, params }: EntraCall, flow: Flow, browser: Browser): void {
  const oid = params.get("account");
  if (oid !== null) {
    const account = offered(state, flow.request).find((one) => one.oid === oid);
    if (account === undefined) throw refused("flow_expired");
    signIn(state, flow, browser, account, flow.request.prompt === "login");
  }
  if (params.get("approve") === "yes" && flow.account !== undefined && flow.signIn !== undefined) {
    const satisfied = [...new Set([...flow.signIn.satisfied, ...neededProofs(state, flow, flow.account)])];
    flow.signIn = { ...freshSignIn(state, flow.account, satisfied, flow.signIn.sid) };
    browser.session.accounts.set(flow.account.oid, { account: flow.account, signIn: flow.signIn });
  }
  if (params.get("consent") === "accept" && flow.account !== undefined) {
    const everybody = params.get("everybody") === "yes" && flow.account.user.admin;
    recordConsent(state, flow.request, flow.account, everybody);
    flow.consented = true;
  }
}

/** Shows the next page, or sends the person back with a code. */
function nextStep(call: EntraCall, id: string, flow: Flow, browser: Browser): Reply {
  const { state } = call;
  const { request } = flow;
  const silent = request.prompt === "none";
  const form: PageForm = { action: `/${call.segment}/login`, ctx: id };
  if (flow.account === undefined) chooseSilently(state, flow, browser);
  const { account } = flow;
  if (account === undefined || flow.signIn === undefined) {
    const accounts = offered(state, request).map((one) => ({
      account: one,
      signedIn: browser.session.accounts.has(one.oid),
    }));
    return html(200, accountPicker(form, request.client, accounts), browser.headers);
  }
  call.entry.user = account.user.name;
  call.entry.oid = account.oid;
  checkPerson(state, request, account);

  if (neededProofs(state, flow, account).some((proof) => !flow.signIn?.satisfied.includes(proof))) {
    if (silent) throw refused("mfa_required");
    return html(200, approvalPage(form, account), browser.headers);
  }
  const missing = missingConsent(state, request, account);
  if (missing.needed || (request.prompt === "consent" && flow.consented !== true)) {
    if (silent) {
      const refusal = refused("consent_required", {
        clientId: request.client.clientId,
        client: request.client.name,
      });
      return sendBackRefusal(state, request, refusal, { error: "consent_required" });
    }
    if (missing.adminOnly && !account.user.admin) {
      return html(200, needAdminPage(form, request.client, account), browser.headers);
    }
    const offer = account.user.admin ? "organization" : "person";
    return html(
      200,
      consentPage(form, request.client, account, missing.descriptions, offer),
      browser.headers,
    );
  }
  state.flows.delete(id);
  return sendCode(state, flow, account, flow.signIn, browser);
}

/** Someone already signed in may need no page: the one named by `login_hint`, or the only one. */
function chooseSilently(state: EntraState, flow: Flow, browser: Browser): void {
  const { request } = flow;
  const known = offered(state, request).filter((account) => browser.session.accounts.has(account.oid));
  const hinted = offered(state, request).find(({ user }) => user.upn === request.loginHint);
  if (request.prompt === "login" || request.prompt === "select_account") return;
  const only = request.loginHint === undefined && known.length === 1 ? known[0] : undefined;
  const account = known.find((one) => one === hinted) ?? only;
  if (account !== undefined) return signIn(state, flow, browser, account, false);
  if (request.prompt !== "none") return;
  throw refused(known.length > 1 ? "account_selection_required" : "login_required");
}

/** Signs in, or takes up the sign-in this browser has. */
function signIn(state: EntraState, flow: Flow, browser: Browser, account: Account, again: boolean): void {
  const known = browser.session.accounts.get(account.oid)?.signIn;
  const valid = known !== undefined && known.epoch >= (state.revocations.get(account.user.oid)?.epoch ?? 0);
  flow.account = account;
  flow.signIn = valid && !again ? known : freshSignIn(state, account, [], randomUUID());
  browser.session.accounts.set(account.oid, { account, signIn: flow.signIn });
}

/** The accounts a person may choose: those of the tenant, guests included; without one, everybody at home. */
function offered(state: EntraState, { tenant }: AuthorizeRequest): readonly Account[] {
  if (tenant !== undefined) return state.directory.accounts(tenant.id);
  return state.directory.users.map((user) => ({ user, tenantId: user.tenantId, oid: user.oid }));
}

/** Policy ids and authentication contexts that this sign-in must satisfy. */
function neededProofs(state: EntraState, flow: Flow, account: Account): readonly string[] {
  const { request, signIn: done } = flow;
  const scopes = parseScopes(state, tenantOf(state, account), request.client, request.scope);
  const resource = oneResourceOf(scopes);
  const subject = {
    endpoint: "token",
    client: request.client,
    resource,
    account,
    satisfied: done?.satisfied ?? [],
  } as const;
  const mfa = state.policies.peek(["mfa"], subject);
  const context = state.policies.peek(["auth_context"], subject);
  return [
    ...request.claims.policyIds,
    ...request.claims.authContexts,
    ...(mfa === undefined ? [] : [mfa.id]),
    ...(context?.type === "auth_context" ? [context.value] : []),
  ];
}

/** Refusals that Entra shows on its own page: going back to the app would not help. */
function checkPerson(state: EntraState, { client, scope }: AuthorizeRequest, account: Account): void {
  const scopes = parseScopes(state, tenantOf(state, account), client, scope);
  const subject = { endpoint: "token", client, resource: oneResourceOf(scopes), account } as const;
  if (state.policies.peek(["disabled"], subject)) throw new ShownOnPage(refused("user_disabled"));
  if (state.policies.peek(["blocked"], subject)) throw new ShownOnPage(refused("blocked"));
}

class ShownOnPage extends Error {
  readonly refusal: Refused;
  constructor(refusal: Refused) {
    super(refusal.message);
    this.refusal = refusal;
  }
}

function orSentBack(
  state: EntraState,
  address: AuthorizeRequest | Parameters<typeof sendBack>[0],
  step: () => Reply,
): Reply {
  try {
    return step();
  } catch (error) {
    if (error instanceof ShownOnPage) throw error.refusal;
    if (error instanceof Refused) return sendBackRefusal(state, address, error);
    throw error;
  }
}

function sendCode(
  state: EntraState,
  flow: Flow,
  account: Account,
  signedIn: SignIn,
  browser: Browser,
): Reply {
  const { request } = flow;
  if (request.consentOnly) return sendBack(request, {}, browser.headers);
  const code = state.issued.note("authorization_code", `1.${randomBytes(64).toString("base64url")}`);
  remember(state.codes, code, {
    tenantId: account.tenantId,
    client: request.client,
    account,
    signIn: signedIn,
    scope: request.scope,
    redirectUri: request.redirectUri,
    redirectType: request.redirectType,
    challenge: request.challenge,
    nonce: request.nonce,
    issuedAt: state.now(),
    redeemed: false,
  });
  return sendBack(
    request,
    {
      code,
      client_info: request.wantsClientInfo ? clientInfo(account) : undefined,
      session_state: signedIn.sid,
    },
    browser.headers,
  );
}

function tenantOf(state: EntraState, account: Account): EntraTenant {
  return state.directory.tenant(account.tenantId) as EntraTenant;
}

function isFlow(value: unknown): value is Flow {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "authorize";
}
