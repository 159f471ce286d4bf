import { langChainAgent } from "../../examples/hosts/langchain.js";
import { describeAgent } from "./agent-scenarios.js";

describeAgent("LangChain", {
  start: langChainAgent,
  server: "v1-sessions",
  saidWithoutSignal: /ToolException: Error calling tool delete_contact: ConsentRequiredError/,
});
