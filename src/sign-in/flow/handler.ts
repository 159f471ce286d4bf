import { runWithoutUserContext } from "../../context/ambient.js";
import { emit } from "../../events/events.js";
import { isHostedAgentIdentityError } from "../../errors.js";
import { notFoundPage } from "../pages/problem-pages.js";
import type { SignInInternals } from "../sign-in-internals.js";
import { browserOf } from "./browser.js";
import { handleCallback } from "./callback.js";
import { endConnection, leaveConnections, showConnections, signInForConnections } from "./connections.js";
import { outcomePage, pageOf } from "./outcome.js";
import { one, respond, type Reply } from "./replies.js";
import { postStart, getStart } from "./start.js";
import { showStatus } from "./status.js";

type Route = (service: SignInInternals, request: Request) => Promise<Reply>;

const routes: Readonly<Record<string, Readonly<Record<string, Route>>>> = {
  "/start": { GET: getStart, HEAD: getStart, POST: postStart },
  // No HEAD: it would use the code up.
  "/callback": { GET: handleCallback },
  "/done": { GET: showOutcome, HEAD: showOutcome },
  "/status": { POST: showStatus },
  "/connections": { GET: showConnections, HEAD: showConnections },
  "/connections/sign-in": { POST: signInForConnections },
  "/connections/end": { POST: endConnection },
  "/connections/leave": { POST: leaveConnections },
};

/** The web-standard handler of all pages. It takes paths with and without the path of `publicUrl`. */
export function signInHandler(service: SignInInternals): (request: Request) => Promise<Response> {
  const { core } = service;
  const base = new URL(core.publicUrl).pathname.replace(/\/$/, "");
  return (request) =>
    runWithoutUserContext(async () => {
      const { method } = request;
      const path = new URL(request.url).pathname;
      const local = path.startsWith(`${base}/`) ? path.slice(base.length) : path;
      const route = Object.hasOwn(routes, local) ? routes[local] : undefined;
      if (route === undefined) return respond(core, { page: notFoundPage }, method);
      const serve = Object.hasOwn(route, method) ? route[method] : undefined;
      if (serve === undefined) {
        const response = respond(core, { page: { ...notFoundPage, status: 405 } }, method);
        response.headers.set("allow", Object.keys(route).join(", "));
        return response;
      }
      try {
        return respond(core, await serve(service, request), method);
      } catch (error) {
        const code = isHostedAgentIdentityError(error) ? error.code : "unexpected";
        emit(core.onEvent, { type: "sign_in_failed", code });
        return respond(core, { page: pageOf(core, { kind: "trouble" }) }, method);
      }
    });
}

async function showOutcome({ core }: SignInInternals, request: Request): Promise<Reply> {
  const text = one(new URL(request.url).searchParams, "r") ?? "";
  return { page: outcomePage(core, browserOf(core, request), text) };
}
