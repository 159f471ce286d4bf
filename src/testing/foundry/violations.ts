import type { Asked } from "./calls.js";
import type { ContainerAnswer } from "./container.js";
import { note, type FoundryRequest } from "./log.js";

/** What a container should do, and the platform lets pass. Source of all: azure-ai-agentserver-core, PlatformHeaders. */
const wants: readonly {
  readonly violation: string;
  readonly when: (seen: Seen) => boolean;
}[] = [
  {
    violation: "x-agent-session-id is missing",
    when: ({ asked, header }) => asked !== undefined && header("x-agent-session-id") === undefined,
  },
  {
    violation: "x-agent-session-id is another session",
    when: ({ asked, header }) =>
      asked !== undefined && (header("x-agent-session-id") ?? asked.call.sessionId) !== asked.call.sessionId,
  },
  { violation: "x-request-id is missing", when: ({ header }) => header("x-request-id") === undefined },
  {
    violation: "x-platform-server is missing",
    when: ({ header }) => header("x-platform-server") === undefined,
  },
  {
    violation: "x-platform-error-source is missing",
    when: ({ status, header }) => status >= 400 && header("x-platform-error-source") === undefined,
  },
  {
    violation: "x-platform-error-source is not user, platform or upstream",
    when: ({ header }) => !/^(user|platform|upstream)$/.test(header("x-platform-error-source") ?? "user"),
  },
  {
    violation: "x-platform-error-detail is longer than 2048 characters",
    when: ({ header }) => (header("x-platform-error-detail") ?? "").length > 2048,
  },
  {
    violation: "cache-control of the stream is not no-cache",
    when: ({ header }) => isStream(header) && !/(^|,)\s*no-cache\s*(,|$)/.test(header("cache-control") ?? ""),
  },
  {
    violation: "content-type of the stream has no charset=utf-8",
    when: ({ header }) => isStream(header) && !/;\s*charset=utf-8$/i.test(header("content-type") ?? ""),
  },
  {
    violation: "x-accel-buffering of the stream is not no",
    when: ({ header }) => isStream(header) && header("x-accel-buffering") !== "no",
  },
];

interface Seen {
  readonly status: number;
  readonly header: (name: string) => string | undefined;
  readonly asked: Asked | undefined;
}

export function noteViolations(
  entry: FoundryRequest,
  { status, headers }: ContainerAnswer,
  asked: Asked | undefined,
): void {
  const header = (wanted: string): string | undefined =>
    headers.find(([name]) => name.toLowerCase() === wanted)?.[1];
  for (const { violation, when } of wants) {
    if (when({ status, header, asked })) note(entry, violation);
  }
}

function isStream(header: Seen["header"]): boolean {
  return /^text\/event-stream\b/i.test(header("content-type") ?? "");
}
