import type { Counterpart } from "./counterpart.js";
import { agentFramework } from "./counterparts/agent-framework.js";
import { aiProjects } from "./counterparts/ai-projects.js";
import { docsSite } from "./counterparts/docs-site.js";
import { eventTypes } from "./counterparts/event-types.js";
import { fastMcp } from "./counterparts/fastmcp.js";
import { mcpFeatures } from "./counterparts/mcp-features.js";
import { npmScripts } from "./counterparts/npm-scripts.js";
import { oidcProvider } from "./counterparts/oidc-provider.js";
import { openaiNpm } from "./counterparts/openai-npm.js";
import { openaiPython } from "./counterparts/openai-python.js";
import { responseHost } from "./counterparts/response-host.js";
import { responseModels } from "./counterparts/response-models.js";

/** All there are. Two run at a time, in this order: what takes longest comes first. */
export const counterparts: readonly Counterpart[] = [
  ...npmScripts,
  docsSite,
  oidcProvider,
  mcpFeatures,
  openaiPython,
  openaiNpm,
  agentFramework,
  responseModels,
  responseHost,
  aiProjects,
  eventTypes,
  fastMcp,
];
