/**
 * The demo's calling application: `examples/backend` as it is, with the page, the two test accounts and the
 * stream of hops around it.
 */
import { fileURLToPath } from "node:url";
import express from "express";
import { createBackEnd, type BackEndOptions } from "../backend/app.js";
import type { Hop, HopLog } from "./hops.js";

export interface DemoBackEndOptions extends BackEndOptions {
  readonly hops: HopLog;
  /** The sign-in pages' origin, where a form of ours may lead. */
  readonly accounts: readonly { readonly name: string; readonly username: string }[];
  /** Turns a client id or app-ID URI into the app's name. */
  readonly label: (audience: string) => string;
}

const page = fileURLToPath(new URL("page/", import.meta.url));

export function demoBackEnd(options: DemoBackEndOptions): express.Express {
  const { origin, hops, label } = options;
  const backEnd = createBackEnd(options);
  const app = express();
  app.disable("x-powered-by");
  app.use(securityHeaders, ownHostOnly(new URL(origin).host));
  app.use(backEnd.router);

  // Nothing of what comes back is believed, and nothing of it stays in the address bar.
  app.get("/consent", (req, res) => {
    res.redirect(303, req.query["error"] === undefined ? "/consent/returned" : "/consent/refused");
  });
  app.get(["/consent/returned", "/consent/refused"], (_req, res) => res.sendFile(`${page}landing.html`));

  app.get("/api/demo", (_req, res) => void res.json({ accounts: options.accounts, hops: true }));
  app.get("/api/hops", (req, res) => {
    const user = backEnd.user(req);
    // 204 tells an EventSource to stop asking.
    if (user === undefined) return void res.sendStatus(204);
    res.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store" });
    const send = (hop: Hop): void => {
      const audience = hop.audience === undefined ? {} : { audience: label(hop.audience) };
      res.write(`data: ${JSON.stringify({ ...hop, ...audience })}\n\n`);
    };
    for (const hop of hops.of(user.oid)) send(hop);
    res.on("close", hops.watch(user.oid, send));
  });

  app.use(express.static(page, { cacheControl: false }));
  app.use((_error: unknown, _req: express.Request, res: express.Response, _next: express.NextFunction) => {
    if (res.headersSent) res.end();
    else res.sendStatus(500);
  });
  return app;
}

const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

function securityHeaders(_req: express.Request, res: express.Response, next: express.NextFunction): void {
  res.set({
    "content-security-policy": policy,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
  });
  next();
}

/** A name that somebody else's DNS points at this machine is not ours. */
function ownHostOnly(host: string) {
  return (req: express.Request, res: express.Response, next: express.NextFunction): void => {
    if (req.headers.host === host) next();
    else res.sendStatus(421);
  };
}
