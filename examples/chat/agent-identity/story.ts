import type { Check } from "../checks.js";
import { told, type Told } from "../told.js";
import { createVisitor, pressThrough } from "../visitor.js";
import type { AgentIdentitySetting } from "./setting.js";

export interface Stage {
  readonly setting: AgentIdentitySetting;
  readonly check: Check;
}

const [katherine, dorothy, admin] = ["Katherine Johnson", "Dorothy Vaughan", "Mary Winston"];
const question = "Who am I?";

/** Plays the story, and judges it by what the MCP server saw in verified tokens and by what each was told. */
export async function tell({ setting, check }: Stage): Promise<void> {
  const { entra, contacts } = setting;
  const identity = entra.app("the agent identity").clientId;
  const calls = () => contacts.verified.filter(({ call }) => call.startsWith("tools/call"));

  const asks = async (who: string, app = "the blueprint"): Promise<Told> => {
    const userToken = await entra.issueUserToken({ user: who, app, client: "the front end" });
    const answer = await post({ "x-client-user-token": userToken });
    const link = answer.link === undefined ? "" : " and a link for an administrator";
    console.log(`  [${who}] is told: ${JSON.stringify(answer.text || answer.error || answer.status)}${link}`);
    return answer;
  };
  const post = async (headers: Record<string, string>): Promise<Told> =>
    told(
      await fetch(`http://127.0.0.1:${setting.port}/responses`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify({ input: question }),
      }),
    );

  console.log("\nSomebody asks with a token for the agent's blueprint. Nobody has consented yet.");
  const first = await asks(katherine);
  check(first.status === "incomplete" && first.link !== undefined, `${katherine} is asked for consent first`);
  check(contacts.verified.length === 0, "the MCP server saw nobody before there was consent");

  console.log("\nThe link is for an administrator: an agent identity has no consent screen of its own.");
  const entraAsks = await createVisitor().visit(first.link ?? "");
  const permissions = [...entraAsks.html.matchAll(/<li>(.*?)<\/li>/g)].map(([, one]) => one).join(", ");
  console.log(`  [${admin}] is asked by Entra, for the whole organization: ${permissions}`);
  const page = await pressThrough(createVisitor(), first.link ?? "", [`Accept as ${admin}`]);
  console.log(`  [${admin}] is told: ${JSON.stringify(page.html)}`);
  check(page.url.pathname === "/consented", `${admin}, an administrator, consents for everybody, once`);

  console.log("\nThe same question again.");
  const again = await asks(katherine);
  isOwn(again, katherine);

  console.log("\nSomebody else asks, for the first time.");
  const other = await asks(dorothy);
  isOwn(other, dorothy);
  check(!other.text.includes(entra.user(katherine).oid), `${dorothy} is told nothing of ${katherine}`);

  console.log("\nThe agent identity is the client in both calls, and asked for its exchange token once.");
  check(calls().length === 2 && calls().every(({ azp }) => azp === identity), "azp is the agent identity");
  check(
    new Set(calls().map(({ oid }) => oid)).size === 2,
    "oid is the person, a different one in each of the two calls",
  );
  const exchangeTokens = entra.requests.filter(
    ({ params, status }) => params?.["fmi_path"] === identity && status === 200,
  );
  check(exchangeTokens.length === 1, "both people share one exchange token of the agent identity");

  console.log("\nTokens that are not for the blueprint, and none at all.");
  const foundry = await asks(katherine, "https://ai.azure.com");
  check(foundry.error === "user_token_audience", "a token for Foundry itself is refused");
  const mcp = await asks(katherine, "the contacts app");
  check(mcp.error === "user_token_audience", "a token for the MCP server is refused");
  const nobody = await post({});
  console.log(`  [nobody] is told: ${JSON.stringify(nobody.error)}`);
  check(nobody.error === "user_token_missing", "without a person the agent identity calls nothing");
  check(calls().length === 2, "the MCP server saw nobody else");

  function isOwn({ text, status }: Told, name: string): void {
    const { oid } = entra.user(name);
    check(status === "completed" && text.includes(oid), `${name} is told their own object id`);
    check(calls().at(-1)?.oid === oid, `the MCP server saw ${name}, ${oid}`);
  }
}
