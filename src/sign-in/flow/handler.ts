import { runWithoutUserContext } from "../../context/ambient.js";
import { notFoundPage } from "../pages/problem-pages.js";
import type { SignInInternals } from "../sign-in-internals.js";
import { browserOf } from "./browser.js";
import { handleCallback } from "./callback.js";
import { endConnection, leaveConnections, showConnections, signInForConnections } from "./connections.js";
import { getOpen, postOpen } from "./open.js";
import { failurePage, outcomePage } from "./outcome.js";
import type { RenewedKeys } from "../keys/renewed-keys.js";
import { signInUrls } from "../link/urls.js";
import { one, respond, type Reply } from "./replies.js";
import { postStart, getStart } from "./start.js";
import { showStatus } from "./status.js";

type Route = (service: SignInInternals, request: Request) => Promise<Reply>;

const routes: Readonly<Record<string, Readonly<Record<string, Route>>>> = {
  "/start": { GET: getStart, HEAD: getStart, POST: postStart },
  "/open": { GET: getOpen, HEAD: getOpen, POST: postOpen },
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
export function signInHandler(
  service: SignInInternals,
  keys: RenewedKeys,
): (request: Request) => Promise<Response> {
  const { core } = service;
  const connections = signInUrls(core.publicUrl).connections();
  const base = new URL(core.publicUrl).pathname.replace(/\/$/, "");
  return (request) =>
    runWithoutUserContext(async () => {
      const { method } = request;
      const path = new URL(request.url).pathname;
      const local = path.startsWith(`${base}/`) ? path.slice(base.length) : path;
      const route = Object.hasOwn(routes, local) ? routes[local] : undefined;
      if (route === undefined) return respond(service, { page: notFoundPage(connections) }, request);
      const serve = Object.hasOwn(route, method) ? route[method] : undefined;
      if (serve === undefined) {
        const allow = Object.keys(route).join(", ");
        return respond(service, { page: notFoundPage(connections, 405), allow }, request);
      }
      try {
        await keys.ready();
        await keys.learn(() => sealedIn(request));
        return respond(service, await serve(service, request), request);
      } catch (error) {
        return respond(service, { page: failurePage(service, error) }, request);
      }
    });
}

/** The texts of a request that this service has sealed: cookies and parameters of its pages. */
function sealedIn(request: Request): readonly string[] {
  const { searchParams } = new URL(request.url);
  const cookies = (request.headers.get("cookie") ?? "").split(";").map((pair) => pair.split("=", 2)[1] ?? "");
  const ours = ["t", "r", "state"].flatMap((name) => searchParams.getAll(name));
  return [...cookies.slice(0, 20), ...ours.slice(0, 6)];
}

async function showOutcome(service: SignInInternals, request: Request): Promise<Reply> {
  const text = one(new URL(request.url).searchParams, "r") ?? "";
  return { page: outcomePage(service, browserOf(service.core, request), text) };
}
