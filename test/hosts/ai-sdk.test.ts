import { aiSdkAgent } from "../../examples/hosts/ai-sdk.js";
import { describeAgent } from "./agent-scenarios.js";

describeAgent("Vercel AI SDK", {
  start: aiSdkAgent,
  server: "v1-sessions",
  showsTools: true,
  saidWithoutSignal: /"role":"tool","tool_call_id":"call_0_0","content":"The user has to give consent for/,
});
