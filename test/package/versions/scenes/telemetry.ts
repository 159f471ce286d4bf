import { trace } from "@opentelemetry/api";
import { createUserContext, passthrough, protectedResource, userAccess } from "hosted-agent-identity";
import { openTelemetry } from "hosted-agent-identity/otel";
import { expectThat } from "../../expect-that.js";

const spans: string[] = [];
const span = trace.getTracer("none").startSpan("none");
trace.setGlobalTracerProvider({
  getTracer: () => ({
    startSpan: (name: string) => {
      spans.push(name);
      return span;
    },
    startActiveSpan: () => undefined as never,
  }),
});
const server = protectedResource({
  url: "https://mcp.example.com/",
  serverLabel: "contacts",
  scopes: ["api://contacts/read"],
  audiences: ["api://contacts"],
});
const contacts = userAccess(server, [passthrough()], { onEvent: openTelemetry() });
const context = await createUserContext(new Headers(), { verify: "none" });
await contacts.token(context).catch(() => undefined);
expectThat(spans.length > 0, "there is no span");
console.log(`spans: ${[...new Set(spans)].join(", ")}`);
process.exit();
