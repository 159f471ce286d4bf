import {
  clientSecret,
  entraApp,
  onBehalfOf,
  protectedResource,
  responses,
  runWithUserContext,
  userAccess,
  userContext,
} from "hosted-agent-identity";
import { createSignIn } from "hosted-agent-identity/sign-in";
import { init, resource } from "../ours.js";
import { agentApp, claimsOf, contextOf, person, scope, tenant } from "../people.js";
import { tokens } from "../token-endpoint.js";
import { countedStore } from "./counted-store.js";
import { heapAfterCollection, slope } from "./heap.js";
import { hostileServer } from "./hostile-server.js";

/** What an attack may leave, and what it must not take from others. */
export interface HostileResult {
  /** Requests to the hostile server, and messages of the hostile user. */
  readonly attacks: number;
  /** By how many bytes the heap grows with each of them, once every bound is reached. */
  readonly bytesPerAttack: number;
  /** What the sign-in store holds at the end. */
  readonly records: number;
  readonly storeBytes: number;
  /** Calls and questions of others during the attack, and those of them that were answered as always. */
  readonly asked: number;
  readonly served: number;
}

const rounds = 30;
const warmUpRounds = 10;
/** So few that all have come before the heap is weighed: what each of them keeps must not grow from then on. */
const people = 20;
const hostileUser = "mallory";

/**
 * An MCP server and a chat user that do what harm they can, for rounds on a clock of its own, while other people
 * use another server of the same agent and ask to sign in.
 */
export async function hostileSoak({ perRound }: { readonly perRound: number }): Promise<HostileResult> {
  let clock = Date.now();
  const now = (): number => clock;
  const entra = entraApp({
    tenantId: tenant,
    clientId: agentApp,
    credential: clientSecret("soak"),
    now,
    fetch: async (_input, request) => {
      const form = new URLSearchParams(String(request?.body));
      const { oid, tid } = claimsOf(form.get("assertion") ?? "");
      return Response.json(tokens(String(oid), String(tid), form));
    },
  });
  const honest = userAccess(resource, [onBehalfOf(entra)], { now, fetch: async () => Response.json({}) });
  const server = hostileServer();
  const hostile = userAccess(
    protectedResource({
      url: "https://hostile.example.com/mcp",
      serverLabel: "hostile",
      scopes: [scope],
      audiences: [agentApp.replace("b", "d")],
    }),
    [onBehalfOf(entra)],
    { now, fetch: server.fetch, cache: { maxEntries: 100 } },
  );
  const { store, holds } = countedStore(now);
  const signIn = createSignIn({
    app: entra,
    publicUrl: "https://agent.example.com/sign-in",
    resources: [resource],
    store,
    encryptionKeys: [Buffer.alloc(32, 7)],
    agentName: "agent",
    now,
  });
  const signedIn = userAccess(resource, [signIn.tokens()], { now, fetch: async () => Response.json({}) });
  const agent = responses(
    async function* () {
      yield await (await signedIn.fetch(signedIn.url, init)).text();
    },
    { signIn, prepare: [signedIn], onError: () => {} },
  );
  const asUser = userContext({
    verify: "none",
    platformUserId: "one-person",
    environment: { hosted: true, projectEndpoint: "https://project.example.com", agentName: "agent" },
  });
  let messages = 0;
  /** One message to the agent, and the types of the items it is answered with. */
  const say = async (user: string, input: string): Promise<readonly unknown[]> => {
    messages += 1;
    const request = new Request("https://agent.example.com/responses", {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "x-agent-user-id": user,
        "x-agent-foundry-call-id": `call-${messages}`,
        "x-agent-conversation-id": `conversation-${messages}`,
      },
      body: JSON.stringify({ input }),
    });
    const response = await asUser(request, (stripped) => agent(stripped));
    const { output = [] } = (await response.json()) as { output?: readonly { type?: unknown }[] };
    return output.map(({ type }) => type);
  };

  let [asked, served, sent] = [0, 0, 0];
  const heap: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    clock += 30_000;
    for (let at = 0; at < perRound; at += 1) {
      const number = round * perRound + at;
      // Few people call the hostile server, again and again: what is bounded for each is what counts.
      const victim = contextOf(person(1_000_000 + (number % people)));
      await runWithUserContext(victim, () => hostile.fetch(hostile.url, init)).catch(() => undefined);
      victim.end();
      await say(hostileUser, hostileMessage(number));
      sent += 1;

      const other = contextOf(person(number % people));
      asked += 2;
      const answer = await runWithUserContext(other, () => honest.fetch(resource.url, init)).catch(
        () => undefined,
      );
      other.end();
      if (answer?.status === 200) served += 1;
      const items = await say(`person-${number % people}`, "hello");
      if (items.includes("oauth_consent_request")) served += 1;
    }
    if (round % 2 === 1) heap.push(await heapAfterCollection());
  }
  const { records, bytes } = holds();
  await signIn.close();
  for (const access of [honest, hostile, signedIn]) await access.close();
  await entra.close();
  return {
    attacks: server.calls() + sent,
    bytesPerAttack: slope(heap.slice(warmUpRounds / 2)) / (4 * perRound),
    records,
    storeBytes: bytes,
    asked,
    served,
  };
}

/** What a chat user writes to fill memory, store or time: long texts, combining marks, guessed codes. */
function hostileMessage(number: number): string {
  const kinds = [
    () => "\u5b57".repeat(99_000),
    () => `a${"\u0316\u0301".repeat(20_000)}`,
    () => String(number % 1_000_000).padStart(6, "0"),
    () => `${number} `.repeat(10_000),
  ];
  return kinds[number % kinds.length]?.() ?? "";
}
