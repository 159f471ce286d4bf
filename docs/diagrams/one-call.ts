import type { SequenceDiagram } from "./sequence.js";

type Party = "user" | "backEnd" | "agent" | "entra" | "server";

/** How a prompt becomes a tool call as the user, and what happens when the consent is missing. */
export const oneCall: SequenceDiagram<Party> = {
  title: "From a prompt to a tool call as the user",
  description:
    "The user sends a prompt to your back end. It signs the user in with Entra, gets a token for the agent's app, and posts the prompt to the hosted agent with that token in x-client-user-token. The agent verifies the token, takes it off the request, and asks Entra for a token on behalf of the user. If the consent is missing, Entra answers AADSTS65001, the agent answers with an oauth_consent_request, and the back end shows the user a card with the link; the user consents, the back end sends the same prompt again, and the agent asks Entra again. Then Entra returns a token for the MCP server, proven to be this user's. The agent calls the tool with it, the MCP server returns this user's data, and the answer goes to the user.",
  parties: {
    user: "User",
    backEnd: "Your back end",
    agent: "Hosted agent",
    entra: "Entra",
    server: "MCP server",
  },
  steps: [
    { from: "user", to: "backEnd", says: "prompt" },
    { from: "backEnd", to: "entra", says: "sign the user in, token for the agent's app" },
    { from: "backEnd", to: "agent", says: "POST /responses, x-client-user-token" },
    { from: "agent", to: "agent", says: "verify, take the token off the request" },
    { from: "agent", to: "entra", says: "on-behalf-of" },
    {
      when: "if the consent is missing",
      steps: [
        { from: "entra", to: "agent", says: "AADSTS65001", isAnswer: true },
        { from: "agent", to: "backEnd", says: "oauth_consent_request, response incomplete", isAnswer: true },
        { from: "backEnd", to: "user", says: "card with the link", isAnswer: true },
        { from: "user", to: "entra", says: "consents" },
        { from: "backEnd", to: "agent", says: "the same prompt, previous_response_id" },
        { from: "agent", to: "entra", says: "on-behalf-of" },
      ],
    },
    { from: "entra", to: "agent", says: "the user's token for the MCP server", isAnswer: true },
    { from: "agent", to: "server", says: "tools/call, Authorization of this user" },
    { from: "server", to: "agent", says: "this user's data", isAnswer: true },
    { from: "agent", to: "user", says: "answer", isAnswer: true },
  ],
};
