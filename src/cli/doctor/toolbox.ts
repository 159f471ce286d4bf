import { readOptions } from "../../options/option-table.js";
import { toolboxOptions, toolboxPlace } from "../../toolbox/options.js";
import { failure, type Finding } from "../finding.js";
import type { Settings } from "../read-settings.js";
import { probe, Unreachable } from "./probe.js";

/** Whether the project endpoint answers for a toolbox. Without a token: the agent's own is not available here. */
export async function checkToolbox({
  settings,
  ...asked
}: {
  readonly settings: Settings;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}): Promise<readonly Finding[]> {
  const { projectEndpoint, toolbox } = settings;
  const check = "toolbox";
  if (projectEndpoint === undefined)
    return toolbox === undefined
      ? []
      : [
          {
            check,
            status: "fail",
            detail: "TOOLBOX_NAME is set, but FOUNDRY_PROJECT_ENDPOINT is not.",
            fix: "Set FOUNDRY_PROJECT_ENDPOINT; the platform sets it in a hosted agent.",
          },
        ];
  try {
    const { url, scope } = toolboxPlace(
      readOptions("foundryToolbox", toolboxOptions, { name: toolbox ?? "unnamed", projectEndpoint }),
    );
    if (toolbox === undefined)
      return [
        {
          check,
          status: "skip",
          detail: "FOUNDRY_PROJECT_ENDPOINT is well-formed; TOOLBOX_NAME is not set.",
        },
      ];
    const { status } = await probe(
      url,
      { method: "POST", headers: { "content-type": "application/json" }, body: "{}" },
      asked,
    );
    if (status === 401 || status === 403)
      return [
        {
          check,
          status: "ok",
          detail: `The project answers ${status} without a token, as it should. Only the agent's own token, for ${JSON.stringify(scope)}, shows whether the toolbox exists.`,
        },
      ];
    return [
      {
        check,
        status: "warn",
        detail: `The project answers ${status} without a token; expected 401.`,
        fix: "Check FOUNDRY_PROJECT_ENDPOINT and TOOLBOX_NAME.",
      },
    ];
  } catch (error) {
    if (!(error instanceof Unreachable)) return [failure(check, error)];
    return [
      {
        check,
        status: "fail",
        detail: `The project could not be reached (${error.message}).`,
        fix: "Check FOUNDRY_PROJECT_ENDPOINT and the network.",
      },
    ];
  }
}
