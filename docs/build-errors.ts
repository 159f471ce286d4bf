/** Writes docs/errors.md from the tables that the code uses: `npm run docs:errors`. A test compares them. */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { whoseMove } from "../src/cli/explain/whose-move.js";
import { aadstsFacts, knownAadstsCodes } from "../src/entra/aadsts.js";
import { agentAadstsFacts, knownAgentAadstsCodes, type AgentStep } from "../src/entra/agent-aadsts.js";
import { errorCodes, type ErrorCode } from "../src/errors.js";
import { errorCauses } from "../src/errors/causes.js";
import { envelopeCodes } from "../src/errors/envelope-codes.js";

/** The catalogue page. */
export function errorCatalogue(): string {
  const own = Object.entries(errorCodes).map(
    ([code, { category, title, help }]) =>
      `### ${code}\n\n*${category}*. ${title}\n\n**Next:** ${help}\n${causesOf(code as ErrorCode)}`,
  );
  const envelope = Object.entries(envelopeCodes).map(
    ([code, { status, title, help }]) => `| \`${code}\` | ${status} | ${title} | ${help} |`,
  );
  const categories = Object.entries(whoseMove).map(([category, who]) => `| ${category} | ${who} |`);
  const entra = knownAadstsCodes().map((code) => {
    const facts = aadstsFacts(code);
    return `| AADSTS${code} | ${facts?.category} | ${facts?.meaning} | ${facts?.fix} |`;
  });
  const agent = (["exchange_token", "on_behalf_of"] as const).flatMap(agentRows);
  return `# Errors

Every error of this package has a \`code\` to switch on, a \`category\` that says who can end the trouble, and \`help\` with the next step. None holds a token, a secret or a link in its message, its JSON or what \`util.inspect\` prints. The guide [Errors](guides/errors.md) shows how to catch them; \`npx hosted-agent-identity explain <code>\` prints a row of this page.

| category | who can end it |
|---|---|
${categories.join("\n")}

## Codes

${own.join("\n")}
## What an answer can say besides

A client of the agent finds one of the codes above in an error envelope or in \`response.failed\`, or one of these. They are no errors of this package: nothing throws them.

| code | status | meaning | next |
|---|---|---|---|
${envelope.join("\n")}

## What Entra's codes mean

Numbers refine what \`error\`, \`suberror\` and \`claims\` say; Microsoft calls them subject to change. An answer that brings a claims challenge is a \`stepup\`, also with a code that is *blocked* below, unless its suberror is \`message_only\`: the user can meet what the claims ask for.

| code | category | meaning | next |
|---|---|---|---|
${entra.join("\n")}

## The same codes for agent identities

\`agentOnBehalfOf()\` asks twice: the blueprint for an exchange token, then the agent identity on behalf of the user. Some codes mean something else there.

| request | code | category | meaning | next |
|---|---|---|---|---|
${agent.join("\n")}
`;
}

/** Where a code has several causes, what to do for each of them in place of the usual. */
function causesOf(code: ErrorCode): string {
  const causes = Object.values(errorCauses[code] ?? {}).map(({ when, help, category }) => {
    const ended = category === undefined ? "" : ` (${category})`;
    return `- *If ${when}${ended}*: ${help}`;
  });
  return causes.length === 0 ? "" : `\n${causes.join("\n")}\n`;
}

function agentRows(step: AgentStep): string[] {
  const request = { exchange_token: "the blueprint's", on_behalf_of: "the agent identity's" }[step];
  return knownAgentAadstsCodes(step).map((code) => {
    const facts = agentAadstsFacts(step, code);
    return `| ${request} | AADSTS${code} | ${facts?.category} | ${facts?.meaning} | ${facts?.fix} |`;
  });
}

const page = fileURLToPath(new URL("errors.md", import.meta.url));
if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(page, errorCatalogue());
