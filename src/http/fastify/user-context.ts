import type { FastifyPluginCallback } from "fastify";
import { runInContext, tryGetUserContext } from "../../context/ambient.js";
import { refuseOtherHosts } from "../../request/calling-host.js";
import { userContextSettings, type UserContextOptions } from "../../request/create.js";
import { openUserContext } from "../incoming-message.js";

/**
 * A plugin that verifies who is asking, takes the token off the request, and runs everything behind it for
 * that user. It works for the routes of the instance it is registered in. The context ends when the response
 * has finished or its connection has closed. It answers a refused token with 401 (503 when keys cannot be fetched) and
 * the platform's error envelope, and any other failure before the route, such as an error of your own verifier, with
 * 500.
 *
 * Entry point: `hosted-agent-identity/fastify`.
 *
 * @example
 * ```ts
 * import fastify, { type FastifyInstance } from "fastify";
 * import { getUserContext, type UserTokenVerifier } from "hosted-agent-identity";
 * import { userContext } from "hosted-agent-identity/fastify";
 *
 * export function agent(verify: UserTokenVerifier): FastifyInstance {
 *   const app = fastify();
 *   app.register(userContext({ verify, require: true }));
 *   app.get("/hello", async () => `Hello ${getUserContext().user?.name}`);
 *   return app;
 * }
 * ```
 * @group Adapters
 */
export function userContext(options: UserContextOptions): FastifyPluginCallback {
  const settings = userContextSettings(options);

  const plugin: FastifyPluginCallback = function userContext(fastify, _options, ready) {
    refuseOtherHosts("userContext", "hosted-agent-identity/fastify", ["fastify"], fastify);
    fastify.addHook("onRequest", (request, reply, done) => {
      void openUserContext(request.raw, reply.raw, [request], settings)
        .then(({ context, refusal }) => {
          // oxlint-disable-next-line promise/no-callback-in-promise -- a hook goes on inside run() by its callback
          if (context !== undefined) return runInContext(context, () => done());
          reply
            .code(refusal.status)
            .headers({ ...refusal.headers })
            .send(refusal.body);
        })
        // oxlint-disable-next-line promise/no-callback-in-promise -- Fastify answers the error
        .catch(done);
    });
    // Reading the body goes through events of the request, which fire outside the async context.
    fastify.addHook("preValidation", (request, _reply, done) => {
      const context = tryGetUserContext(request);
      if (context === undefined) done();
      else runInContext(context, () => done());
    });
    ready();
  };
  // What fastify-plugin does: hooks hold for the instance that registers the plugin, not only inside it.
  return Object.assign(plugin, {
    [Symbol.for("skip-override")]: true,
    [Symbol.for("fastify.display-name")]: "hosted-agent-identity",
  });
}
