import { openAiAgent } from "../../examples/hosts/openai-agents.js";
import { describeAgent } from "./agent-scenarios.js";

describeAgent("OpenAI Agents SDK", { start: openAiAgent, server: "v2-express", showsTools: true });
