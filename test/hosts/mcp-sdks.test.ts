import { mcpSdkV1Agent } from "../../examples/hosts/mcp-sdk-v1.js";
import { mcpSdkV2Agent } from "../../examples/hosts/mcp-sdk-v2.js";
import { describeAgent } from "./agent-scenarios.js";

describeAgent("MCP SDK v1", { start: mcpSdkV1Agent, server: "v1-sessions" });
describeAgent("MCP SDK v2", { start: mcpSdkV2Agent, server: "v2-express" });
