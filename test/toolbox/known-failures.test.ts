/**
 * One test for each known failure of Foundry's own hosts that this client can prevent, named after it. The
 * issues are those of github.com/microsoft/agent-framework, Azure/azure-sdk-for-net, -for-python.
 */
import { afterEach, describe, expect, it } from "vitest";
import {
  closeMcpClient,
  foundryToolbox,
  type FoundryToolbox,
  mcpClientPool,
  runWithUserContext,
  findConsentRequired,
} from "hosted-agent-identity";
import { runTurn } from "hosted-agent-identity/turn";
import { openClient, whoami, type RealClient } from "../support/mcp-clients.js";
import { startToolbox, type ToolboxServer } from "../support/toolbox-server.js";
import {
  callContext,
  countingCredential,
  hostedEnvironment,
  onePersonContext,
} from "../support/toolbox-users.js";

const closers: (() => Promise<void>)[] = [];
afterEach(() => Promise.all(closers.splice(0).map((close) => close())));

/** Foundry, as far as these failures go: who a call id stands for, and who has given consent. */
interface Platform {
  readonly box: ToolboxServer;
  readonly toolbox: FoundryToolbox;
  /** Opens a link as whoever is signed in to the browser: only the person it is for can use it. */
  consent(link: string, person: string): void;
  /** The calls that the tool's server has seen, by person. */
  readonly calls: string[];
}

const linkFor = (person: string): string =>
  `https://logic-x.consent.azure-apihub.net/login?data=for-${encodeURIComponent(person)}`;

/** The person of a call id is its beginning: `ada.1`. Without one it is the agent's own identity. */
const personOf = (caller: string): string => caller.split(".")[0] ?? "";

async function platform(
  consentAt: "initialize" | "tools/list" | "tools/call",
  type: "mcp" | "a2a_preview" = "mcp",
): Promise<Platform> {
  const consented = new Set<string>();
  const calls: string[] = [];
  const box = await startToolbox({
    intercept({ headers }, response) {
      if (headers["authorization"] === "Bearer agent-token-1") return false;
      response.writeHead(401).end();
      return true;
    },
    refuse(rpc, caller) {
      const person = personOf(caller);
      if (rpc.method === consentAt && !consented.has(person)) {
        const entry = { name: "people", type, error: { code: "CONSENT_REQUIRED", message: linkFor(person) } };
        const listing = `${rpc.method} failed ${JSON.stringify({ errors: [entry] })}`;
        return { code: -32006, message: consentAt === "tools/call" ? linkFor(person) : listing };
      }
      if (rpc.method === "tools/call") calls.push(person);
      return undefined;
    },
  });
  const toolbox = foundryToolbox({
    name: "support",
    projectEndpoint: box.projectEndpoint,
    credential: countingCredential(),
    environment: hostedEnvironment,
  });
  closers.push(box.close, toolbox.close);
  return {
    box,
    toolbox,
    calls,
    consent(link, person) {
      if (link !== linkFor(person)) throw new Error("Code not found.");
      consented.add(person);
    },
  };
}

const open = (toolbox: FoundryToolbox, kind: "v1" | "v2-legacy" = "v1"): Promise<RealClient> =>
  openClient(kind, toolbox.url, { fetch: toolbox.fetch });

/** One request to the agent: connects, lists and calls, as its user. */
const turn = (toolbox: FoundryToolbox, callId: string) =>
  runWithUserContext(callContext(callId, personOf(callId)), () =>
    runTurn(async () => {
      const client = await open(toolbox);
      await client.listTools();
      return (await whoami(client)).caller;
    }),
  );

const linksOf = (result: Awaited<ReturnType<typeof turn>>): string[] =>
  result.status === "consent_required" ? result.requests.map(({ link }) => link) : [];

describe.each(["initialize", "tools/list", "tools/call"] as const)("consent missing at %s", (consentAt) => {
  it("agent-framework#7166: there is no 401 when the toolbox is connected again after consent", async () => {
    for (const kind of ["v1", "v2-legacy"] as const) {
      const { box, toolbox, consent } = await platform(consentAt);
      // The same client object as far as there is one: hosts close it when they see the error, and connect again.
      const first = await runWithUserContext(callContext("ada.1", "ada"), async () => {
        const client = await open(toolbox, kind).catch((error: unknown) => error);
        if (client instanceof Error) return client;
        const failed = await (client as RealClient)
          .listTools()
          .then(() => whoami(client as RealClient))
          .catch((error: unknown) => error);
        await (client as RealClient).close();
        return failed;
      });
      const [request] = findConsentRequired(first)?.requests ?? [];
      consent(request?.link ?? "", "ada");
      const answered = await runWithUserContext(callContext("ada.2", "ada"), async () => {
        const client = await open(toolbox, kind);
        await client.listTools();
        return whoami(client);
      });
      expect(answered.caller).toBe("ada.2");
      expect(box.seen.filter(({ headers }) => headers["authorization"] !== "Bearer agent-token-1")).toEqual(
        [],
      );
    }
  });

  it("agent-framework#7166: nor with a pool, whose failed client is opened anew", async () => {
    const { toolbox, consent } = await platform(consentAt);
    const pool = mcpClientPool<RealClient>({ open: () => open(toolbox), close: closeMcpClient });
    const ask = (callId: string) =>
      runWithUserContext(onePersonContext(callId, "ada"), () =>
        runTurn(() =>
          pool.use(async (client) => {
            await client.listTools();
            return (await whoami(client)).caller;
          }),
        ),
      );
    const first = await ask("ada.1");
    for (const link of linksOf(first)) consent(link, "ada");
    expect(await ask("ada.2")).toEqual({ status: "completed", value: "ada.2" });
    await pool.close();
  });

  it("agent-framework#8379: the consent link is the user's, not the container's", async () => {
    const { box, toolbox, consent } = await platform(consentAt);
    const result = await turn(toolbox, "ada.1");
    for (const link of linksOf(result)) consent(link, "ada");
    expect((await turn(toolbox, "ada.2")).status).toBe("completed");
    // Nor is any link asked for by the agent itself, at startup or between turns: it would be the container's.
    await expect(open(toolbox)).rejects.toMatchObject({ code: "no_user_context" });
    const nobody = callContext(undefined, "ada");
    await expect(runWithUserContext(nobody, () => open(toolbox))).rejects.toMatchObject({
      code: "call_id_missing",
    });
    expect(box.seen.filter(({ headers }) => headers["x-agent-foundry-call-id"] === undefined)).toEqual([]);
  });

  it("azure-sdk-for-net#58001: one user's consent is no other user's", async () => {
    const { toolbox, consent, calls } = await platform(consentAt);
    for (const link of linksOf(await turn(toolbox, "ada.1"))) consent(link, "ada");
    expect(await turn(toolbox, "ada.2")).toEqual({ status: "completed", value: "ada.2" });
    const grace = await turn(toolbox, "grace.1");
    expect(linksOf(grace)).toEqual([linkFor("grace")]);
    expect(calls).toEqual(["ada"]);
  });

  it("azure-sdk-for-net#58001: nor on a client that both share", async () => {
    const { toolbox, consent, calls } = await platform(consentAt);
    for (const link of linksOf(await turn(toolbox, "ada.1"))) consent(link, "ada");
    const shared = await runWithUserContext(callContext("ada.2", "ada"), () => open(toolbox));
    const use = (callId: string) =>
      runWithUserContext(callContext(callId, personOf(callId)), () =>
        runTurn(async () => {
          await shared.listTools();
          return (await whoami(shared)).caller;
        }),
      );
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, n) => use(n % 2 === 0 ? `ada.${n}` : `grace.${n}`)),
    );
    for (const [n, result] of results.entries()) {
      // Who has connected already is not asked at initialize again, by this platform.
      const asked = n % 2 === 1 && consentAt !== "initialize";
      expect(result.status).toBe(asked ? "consent_required" : "completed");
      if (asked) expect(linksOf(result)).toEqual([linkFor("grace")]);
      else expect(result).toMatchObject({ value: `${n % 2 === 0 ? "ada" : "grace"}.${n}` });
    }
    if (consentAt !== "initialize") expect(new Set(calls)).toEqual(new Set(["ada"]));
  });

  it("agent-framework#5594: the turn is resumed after consent by running it again, and acts once", async () => {
    const { toolbox, consent, calls } = await platform(consentAt);
    const first = await turn(toolbox, "ada.1");
    expect([first.status, calls]).toEqual(["consent_required", []]);
    for (const link of linksOf(first)) consent(link, "ada");
    expect(await turn(toolbox, "ada.2")).toEqual({ status: "completed", value: "ada.2" });
    expect(calls).toEqual(["ada"]);
  });

  it("agent-framework#7227: a source that is another agent (a2a_preview) asks for consent like any other", async () => {
    const { toolbox } = await platform(consentAt, "a2a_preview");
    expect(linksOf(await turn(toolbox, "ada.1"))).toEqual([linkFor("ada")]);
  });
});

describe("a source that Foundry cannot reach as the user", () => {
  const said =
    'Request failed (remote): tools/list failed for 1 tool source(s), succeeded for 0 tool source(s) {"errors":[{"name":"workiq-teams","type":"mcp","error":{"code":"HTTP_400","message":"ARA OBO token request failed with status BadRequest"}}]}';

  it.each(["azure-sdk-for-net#59767", "azure-sdk-for-python#48264", "azure-sdk-for-python#46696"])(
    "%s: is named in a typed error, and nobody is asked to consent",
    async () => {
      const box = await startToolbox({
        refuse: ({ method }) => (method === "tools/list" ? { code: -32007, message: said } : undefined),
      });
      const toolbox = foundryToolbox({
        name: "support",
        projectEndpoint: box.projectEndpoint,
        credential: countingCredential(),
        environment: hostedEnvironment,
      });
      closers.push(box.close, toolbox.close);
      const context = callContext("ada.1", "ada");
      await expect(
        runWithUserContext(context, () => runTurn(async () => (await open(toolbox)).listTools())),
      ).rejects.toMatchObject({
        code: "toolbox_source_failed",
        message: expect.stringContaining('"workiq-teams" (HTTP_400)') as string,
        help: expect.stringContaining("authentication type") as string,
      });
      expect(context.consentRequests).toEqual([]);
    },
  );
});

it("agent-framework#7079 and #7841: initialize carries the token and the call id, not only calls", async () => {
  const { box, toolbox } = await platform("tools/call");
  await runWithUserContext(callContext("ada.1", "ada"), () => open(toolbox));
  expect(box.forMethod("initialize").map(({ headers }) => headers)).toMatchObject([
    { authorization: "Bearer agent-token-1", "x-agent-foundry-call-id": "ada.1" },
  ]);
});

it("agent-framework#6562: an agent that lists the tools at startup fails there, and not for each user after", async () => {
  const { box, toolbox, consent } = await platform("tools/list");
  await expect(open(toolbox)).rejects.toMatchObject({ code: "no_user_context" });
  for (const link of linksOf(await turn(toolbox, "ada.1"))) consent(link, "ada");
  expect((await turn(toolbox, "ada.2")).status).toBe("completed");
  expect(box.seen.every(({ headers }) => headers["x-agent-foundry-call-id"] !== undefined)).toBe(true);
});
