/** What a calling application serves around its API: the page, the way back from consent, and headers. */
import express, { type Express, type NextFunction, type Request, type Response, type Router } from "express";

export interface PageOptions {
  /** This application's own origin. */
  readonly origin: string;
  /** The folder with `index.html` and `landing.html`. */
  readonly folder: string;
  readonly routers: readonly Router[];
}

export function pageApp({ origin, folder, routers }: PageOptions): Express {
  const app = express();
  app.disable("x-powered-by");
  app.use(securityHeaders, ownHostOnly(new URL(origin).host));
  for (const router of routers) app.use(router);

  // Nothing of what comes back is believed, and nothing of it stays in the address bar.
  app.get("/consent", (req, res) => {
    res.redirect(303, req.query["error"] === undefined ? "/consent/returned" : "/consent/refused");
  });
  app.get(["/consent/returned", "/consent/refused"], (_req, res) =>
    res.sendFile("landing.html", { root: folder }),
  );

  app.use(express.static(folder, { cacheControl: false }));
  app.use((_error: unknown, _req: Request, res: Response, _next: NextFunction) => {
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
