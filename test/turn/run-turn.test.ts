import { expect, it, vi } from "vitest";
import { getUserContext, runWithUserContext, TokenExchangeError } from "hosted-agent-identity";
import { runTurn } from "hosted-agent-identity/turn";
import { internalsOf } from "../../src/context/user-context.js";
import { accessThat, consentError, linkFor } from "../support/consenting-access.js";
import { contextOf } from "../support/test-users.js";

const never = (): Promise<never> => new Promise(() => {});

it("gives what the run returns, and runs it as the turn's user", async () => {
  const context = contextOf("person");
  expect(await runTurn(() => getUserContext(), { context })).toEqual({ status: "completed", value: context });
  expect(await runWithUserContext(context, () => runTurn(async (turn) => turn.context))).toEqual({
    status: "completed",
    value: context,
  });
  expect(context.ended).toBe(false);
});

it.each<[string, (token: () => Promise<unknown>) => unknown]>([
  ["throws it", (token) => token()],
  ["swallows it", (token) => token().catch(() => "I could not")],
  ["throws something else then", (token) => token().catch(() => Promise.reject(new Error("other")))],
  ["never ends", (token) => token().catch(never)],
  [
    "throws it in a wrapper, unrecorded",
    () => Promise.reject(new Error("tool", { cause: consentError("contacts") })),
  ],
])("a run that needs consent and %s ends with the request", async (_, behave) => {
  const contacts = accessThat("contacts");
  const result = await runTurn(() => behave(() => contacts.token()), { context: contextOf("person") });
  expect(result).toMatchObject({
    status: "consent_required",
    requests: [{ serverLabel: "contacts", link: linkFor("contacts") }],
  });
});

it.each<[string, (token: () => Promise<unknown>) => unknown]>([
  ["swallows that", (token) => token().catch(() => "I could not")],
  ["throws something else then", (token) => token().catch(() => Promise.reject(new Error("other")))],
  ["never ends", (token) => token().catch(never)],
])("a run that needs a new sign-in at the caller and %s throws that", async (_, behave) => {
  const refusal = new TokenExchangeError("sign_in_required", "Again.", {}, { category: "signin" });
  const contacts = accessThat("contacts", { refusal });
  await expect(runTurn(() => behave(() => contacts.token()), { context: contextOf("person") })).rejects.toBe(
    refusal,
  );
});

it("prepare stops the turn before the run", async () => {
  const run = vi.fn();
  const result = await runTurn(run, {
    context: contextOf("person"),
    prepare: [accessThat("contacts"), accessThat("files")],
  });
  expect(result).toMatchObject({ requests: [{ serverLabel: "contacts" }, { serverLabel: "files" }] });
  expect(run).not.toHaveBeenCalled();
});

it("any other error is thrown as it is", async () => {
  const error = new RangeError("mine");
  await expect(runTurn(() => Promise.reject(error), { context: contextOf("person") })).rejects.toBe(error);
  await expect(
    runTurn(
      () => {
        throw error;
      },
      { context: contextOf("person") },
    ),
  ).rejects.toBe(error);
});

it("a client that goes away ends a run that hangs", async () => {
  const outer = new AbortController();
  const running = runTurn(never, { context: contextOf("person"), signal: outer.signal });
  outer.abort();
  await expect(running).rejects.toMatchObject({ code: "turn_cancelled" });
});

it("leaves nothing behind that listens, since the context may live on", async () => {
  const context = contextOf("person");
  await runTurn(() => 1, { context });
  const { consentListeners, endListeners } = internalsOf(context);
  expect([consentListeners.size, endListeners.size]).toEqual([0, 0]);
});

it("needs a context that has not ended", async () => {
  await expect(runTurn(() => 1)).rejects.toMatchObject({ code: "no_user_context" });
  const context = contextOf("person");
  context.end();
  await expect(runTurn(() => 1, { context })).rejects.toMatchObject({ code: "context_ended" });
});
