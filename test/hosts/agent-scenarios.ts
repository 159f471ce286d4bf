import { inspect } from "node:util";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import {
  clientSecret,
  entraApp,
  type EntraApp,
  entraConsentLink,
  onBehalfOf,
  protectedResource,
  type ResponsesRun,
  userAccess,
  type UserAccess,
  userTokenVerifier,
} from "hosted-agent-identity";
import { type ResponseEvent, withConsent } from "hosted-agent-identity/turn";
import { protectMcpServer } from "hosted-agent-identity/server";
import { type EntraEmulator, startEntra } from "hosted-agent-identity/testing";
import type { RunningHost } from "../support/listening.js";
import { collect } from "../support/consenting-access.js";
import { halfOfTheAnswer, hurryRetries, modelFailures } from "../support/model-failures.js";
import { startMcpServer } from "../support/mcp-servers.js";
import { leaks } from "../support/people.js";
import { startProtectedServer, type ProtectedServer, type ServerKind } from "../support/protected-servers.js";
import { checkedResponse, type WireResponse } from "../support/responses-protocol.js";
import { responsesHosts } from "../support/responses-hosts.js";
import { contextOf, testIssuer } from "../support/test-users.js";
import { startChatModel, type ChatModel } from "./chat-model.js";
import { barrier } from "./small-framework.js";

/** What an example in `examples/hosts` makes. */
export interface HostedAgent {
  readonly run: ResponsesRun;
  close(): Promise<void>;
}

/** An example, as its user would start it. */
export type StartAgent = (
  accesses: readonly UserAccess[],
  model: { readonly baseURL: string; readonly apiKey: string },
) => HostedAgent;

export interface HostFacts {
  readonly start: StartAgent;
  readonly server: ServerKind;
  /**
   * What the model is told of a missing consent where the run does not take `turn.signal`. Never a link. `undefined`
   * where it is told nothing: the framework stops when nobody reads its stream any more.
   */
  readonly saidWithoutSignal?: RegExp;
  /** Whether the tools' calls and results are items of the answer, beside its text. */
  readonly showsTools?: boolean;
}

/** A day in the life of an agent written with a real framework, with real MCP servers and Entra's emulator. */
export function describeAgent(
  name: string,
  { start, server: kind, saidWithoutSignal, showsTools = false }: HostFacts,
): void {
  describe(`an agent of ${name}`, () => {
    let entra: EntraEmulator;
    let app: EntraApp;
    let model: ChatModel;
    let meanwhile: () => Promise<void>;
    let stops: (() => Promise<unknown>)[];
    /** What the framework wrote to the console. */
    let printed: string[];

    beforeAll(async () => {
      const scopes = ["access_as_user", "Contacts.Write"];
      entra = await startEntra({
        users: ["Ada", "Bob", "Cy"].map((user) => ({ name: user })),
        apps: [
          { name: "agent", scopes: ["access_as_user"], secrets: ["s"], redirectUris: ["http://localhost/"] },
          { name: "contacts", scopes },
          { name: "files", scopes },
        ],
      });
      const { tenantId, clientId } = entra.app("agent");
      app = entraApp({ tenantId, clientId, credential: clientSecret("s"), cloud: entra.cloud });
    });
    afterAll(async () => {
      await app?.close();
      await entra?.close();
    });
    beforeEach(async () => {
      stops = [];
      printed = [];
      for (const method of ["debug", "error", "info", "log", "warn"] as const)
        vi.spyOn(console, method).mockImplementation(
          (...args) => void printed.push(inspect(args, { depth: null })),
        );
      meanwhile = async () => {};
      model = await startChatModel(() => meanwhile());
      for (const user of ["Ada", "Bob", "Cy"])
        for (const resource of ["contacts", "files"])
          entra.revokeConsent({
            user,
            client: "agent",
            resource,
            scopes: ["access_as_user", "Contacts.Write"],
          });
    });
    afterEach(async () => {
      for (const stop of stops.toReversed()) await stop();
      await model.close();
    });

    const consent = (user: string, resource: string, ...scopes: string[]): void =>
      entra.grantConsent({ user, client: "agent", resource, scopes });

    /** Reading is for everybody who consented; `delete_contact` needs more, and says so with a 403. */
    async function mcpServer(label: string): Promise<{ server: ProtectedServer; access: UserAccess }> {
      const { tenantId, clientId } = entra.app(label);
      const server = await startProtectedServer(kind, (url) =>
        protectMcpServer({
          url,
          app: { tenantId, clientId, cloud: entra.cloud },
          scopes: ["access_as_user"],
          tools: { delete_contact: { scopes: ["Contacts.Write"] } },
        }),
      );
      const resource = protectedResource({
        url: server.url,
        serverLabel: label,
        scopes: [`api://${clientId}/access_as_user`],
        audiences: [clientId],
      });
      const consentLink = entraConsentLink({ app, redirectUri: "http://localhost/" });
      const access = userAccess(resource, [onBehalfOf(app, { consentLink })]);
      stops.push(server.close, () => access.close());
      return { server, access };
    }

    async function agentWith(
      labels: readonly string[],
      change: (run: ResponsesRun) => ResponsesRun = (run) => run,
    ) {
      const servers = await Promise.all(labels.map(mcpServer));
      const agent = start(
        servers.map(({ access }) => access),
        { baseURL: model.baseURL, apiKey: "none" },
      );
      stops.push(agent.close);
      const verify = userTokenVerifier({ app });
      const host = (await responsesHosts["node:http"]?.(
        change(agent.run),
        {},
        { verify, require: true },
      )) as RunningHost;
      stops.push(host.close);
      const calls = () => servers.flatMap(({ server }) => server.calls);
      return { host, calls };
    }

    async function post(
      host: RunningHost,
      user: string,
      { input, stream, previous }: { input: string; stream: boolean; previous?: string },
    ): Promise<string> {
      const response = await fetch(`${host.url}/responses`, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          "x-client-user-token": await entra.issueUserToken({ user, app: "agent" }),
        },
        body: JSON.stringify({ input, stream, previous_response_id: previous ?? null }),
      });
      return response.text();
    }

    async function ask(
      host: RunningHost,
      user: string,
      input: string,
      previous?: string,
    ): Promise<WireResponse> {
      const text = await post(host, user, {
        input,
        stream: true,
        ...(previous === undefined ? {} : { previous }),
      });
      const lines = text.split("\n").filter((line) => line.startsWith("data: {"));
      return checkedResponse(lines.map((line) => JSON.parse(line.slice(6)) as ResponseEvent));
    }

    const textOf = ({ output }: WireResponse): string =>
      output
        .flatMap(({ content }) => content ?? [])
        .map(({ text }) => text)
        .join("");
    const askedFor = ({ output }: WireResponse) =>
      output.filter(({ type }) => type === "oauth_consent_request").map((item) => item.server_label);
    const oid = (user: string): string => entra.user(user).oid;

    /** Nothing of a link, in any form, may be in what reached the model or the framework's log. */
    function expectNoLink(...responses: WireResponse[]): void {
      const links = responses.flatMap(({ output }) => output.map((item) => item.consent_link ?? ""));
      for (const link of links.filter(Boolean))
        for (const raw of [...model.requests, ...printed])
          for (const form of [link, encodeURIComponent(link), JSON.stringify(link).slice(1, -1)])
            expect(leaks(raw, form)).toBe(false);
    }

    it("acts as each of two people in the middle of their turns", async () => {
      for (const user of ["Ada", "Bob"]) consent(user, "contacts", "access_as_user");
      const { host, calls } = await agentWith(["contacts"]);
      for (let round = 0; round < 3; round += 1) {
        meanwhile = barrier(2);
        const [ada, bob] = await Promise.all(
          ["Ada", "Bob"].map((user) => ask(host, user, "contacts:whoami then contacts:whoami")),
        );
        expect([ada?.status, bob?.status]).toEqual(["completed", "completed"]);
        expect(textOf(ada as WireResponse).match(/[0-9a-f-]{36}/g)).toEqual([oid("Ada"), oid("Ada")]);
        expect(textOf(bob as WireResponse).match(/[0-9a-f-]{36}/g)).toEqual([oid("Bob"), oid("Bob")]);
      }
      expect(calls().filter(({ caller }) => caller === oid("Ada")).length).toBe(6);
      expect(calls().length).toBe(12);
    });

    it("ends the turn where a tool needs consent, and finishes it afterwards", async () => {
      consent("Ada", "contacts", "access_as_user");
      consent("Bob", "contacts", "access_as_user", "Contacts.Write");
      const { host, calls } = await agentWith(["contacts"]);
      const prompt = "contacts:whoami then contacts:delete_contact";
      meanwhile = barrier(2);
      // The third request is Bob's alone.
      const together = meanwhile;
      meanwhile = () => (model.requests.length <= 4 ? together() : Promise.resolve());
      const [adas, bobs] = await Promise.all([ask(host, "Ada", prompt), ask(host, "Bob", prompt)]);

      expect(bobs.status).toBe("completed");
      expect(adas.status).toBe("incomplete");
      expect(askedFor(adas)).toEqual(["contacts"]);
      expect(askedFor(bobs)).toEqual([]);
      expect(calls().filter(({ tool }) => tool === "delete_contact")).toEqual([
        { tool: "delete_contact", caller: oid("Bob") },
      ]);

      meanwhile = async () => {};
      consent("Ada", "contacts", "Contacts.Write");
      const again = await ask(host, "Ada", prompt, adas.id);
      expect(again.status).toBe("completed");
      expect(textOf(again)).toContain("delete_contact");
      expect(textOf(again).match(/[0-9a-f-]{36}/g)).toEqual([oid("Ada"), oid("Ada")]);

      // Ada's two before she was asked and three after, and Bob's three: none in between.
      expect(model.requests.length).toBe(8);
      expectNoLink(adas);
      for (const raw of model.requests) expect(raw).not.toMatch(/consent/i);
    });

    it("asks before the model is asked where the tools cannot even be listed", async () => {
      const { host } = await agentWith(["contacts"]);
      const response = await ask(host, "Cy", "contacts:whoami");
      expect(response.status).toBe("incomplete");
      expect(askedFor(response)).toEqual(["contacts"]);
      expect(model.requests).toEqual([]);
      consent("Cy", "contacts", "access_as_user");
      expect(textOf(await ask(host, "Cy", "contacts:whoami", response.id))).toContain(oid("Cy"));
    });

    it("asks for two servers in one answer", async () => {
      for (const resource of ["contacts", "files"]) consent("Cy", resource, "access_as_user");
      const { host } = await agentWith(["contacts", "files"]);
      const response = await ask(host, "Cy", "contacts:delete_contact+files:delete_contact");
      expect(response.status).toBe("incomplete");
      expect(askedFor(response).toSorted()).toEqual(["contacts", "files"]);
      for (const resource of ["contacts", "files"]) consent("Cy", resource, "Contacts.Write");
      const again = await ask(host, "Cy", "contacts:delete_contact+files:delete_contact", response.id);
      expect(again.status).toBe("completed");
      expect(textOf(again).match(/[0-9a-f-]{36}/g)).toEqual([oid("Cy"), oid("Cy")]);
      // One before both were asked for, two after.
      expect(model.requests.length).toBe(3);
      expectNoLink(response);
      for (const raw of model.requests) expect(raw).not.toMatch(/consent/i);
    });

    it("still asks where the run forgets the signal, and tells the model of it without the link", async () => {
      consent("Cy", "contacts", "access_as_user");
      const { host } = await agentWith(
        ["contacts"],
        (run) => (turn) => run({ ...turn, signal: new AbortController().signal }),
      );
      const response = await ask(host, "Cy", "contacts:delete_contact");
      expect(response.status).toBe("incomplete");
      expect(askedFor(response)).toEqual(["contacts"]);
      expectNoLink(response);
      if (saidWithoutSignal === undefined) {
        await delay(500);
        return expect(model.requests.length).toBe(1);
      }
      // The framework takes the failure for the tool's output and goes on: one more request, whose answer nobody reads.
      await vi.waitFor(() => expect(model.requests.length).toBe(2), { timeout: 20_000 });
      expect(model.requests[1]).toMatch(saidWithoutSignal);
      expectNoLink(response);
    });

    it("answers with text, and with what its tools did where it shows that", async () => {
      consent("Cy", "contacts", "access_as_user");
      const { host } = await agentWith(["contacts"]);
      const response = await ask(host, "Cy", "contacts:whoami");
      expect(response.status).toBe("completed");
      const tools = ["message", "function_call", "function_call_output", "message"];
      expect(response.output.map(({ type }) => type)).toEqual(showsTools ? tools : ["message"]);
      expect(textOf(response)).toMatch(/^Let me see\. I was told /);
    });

    it.each(modelFailures)("fails the turn where the model %s, streamed and plain", async (failure) => {
      consent("Cy", "contacts", "access_as_user");
      const { host } = await agentWith(["contacts"]);
      hurryRetries();
      model.fail(failure);
      const streamed = await ask(host, "Cy", "contacts:whoami");
      expect(streamed.status).toBe("failed");
      // Some frameworks hold back what the model had said before, some ask it again.
      expect(halfOfTheAnswer).toContain(textOf(streamed).replaceAll(halfOfTheAnswer, ""));
      const plain = JSON.parse(await post(host, "Cy", { input: "contacts:whoami", stream: false }));
      expect(plain).toMatchObject({ status: "failed", error: { code: streamed.error?.code } });
    });

    it("fails the turn where the model fails after a tool has run", async () => {
      consent("Cy", "contacts", "access_as_user");
      const { host } = await agentWith(["contacts"]);
      meanwhile = async () => {
        if (model.requests.length === 2) model.fail("ends half way, as if it were done");
      };
      const response = await ask(host, "Cy", "contacts:whoami");
      expect(response.status).toBe("failed");
      expect(textOf(response).startsWith(`Let me see. ${halfOfTheAnswer}`)).toBe(true);
    });

    it("fails the turn where the model refuses what it is sent", async () => {
      consent("Cy", "contacts", "access_as_user");
      const { host } = await agentWith(["contacts"]);
      const response = await ask(host, "Cy", "contacts:whoami then contacts:not_a_tool");
      expect(response.status).toBe("failed");
    });

    it("goes on in a new session where the server has lost the person's", async () => {
      const issuer = testIssuer();
      const server = await startMcpServer({ kind: "v1-sessions", whose: issuer.whose });
      const { clientId } = entra.app("contacts");
      const resource = protectedResource({
        url: server.url,
        serverLabel: "contacts",
        scopes: [`api://${clientId}/access_as_user`],
        audiences: [clientId],
      });
      const access = userAccess(resource, [issuer.source]);
      const agent = start([access], { baseURL: model.baseURL, apiKey: "none" });
      stops.push(server.close, () => access.close(), agent.close);
      const turn = async () => {
        const run = withConsent(
          (given) => agent.run({ ...given, input: "contacts:whoami" } as Parameters<ResponsesRun>[0]),
          {
            context: contextOf("ada"),
          },
        );
        return textOf(checkedResponse(await collect(run)));
      };
      expect(await turn()).toContain("ada");
      server.forgetSessions();
      expect(await turn()).toContain("ada");
      expect(server.seen.filter(({ rpc }) => rpc === "initialize").length).toBe(2);
    });
  });
}
