/**
 * The pages of the documentation site in the order of its navigation: files from the root of the repository.
 * `sectionsOf()` in site-content.ts adds the examples and the decisions by itself, and refuses a page of `docs` that
 * is in no section.
 */
export const sitePages: Readonly<Record<string, readonly string[]>> = {
  "Start here": [
    "README.md",
    "docs/guides/quick-start.md",
    "docs/guides/which-way.md",
    "docs/guides/from-python.md",
    "docs/guides/testing-your-agent.md",
    "docs/glossary.md",
  ],
  Guides: [
    "docs/guides/middleware.md",
    "docs/guides/on-behalf-of.md",
    "docs/guides/passthrough.md",
    "docs/guides/downstream-apis.md",
    "docs/guides/sign-in.md",
    "docs/guides/sign-in-operations.md",
    "docs/sign-in-pages.md",
    "docs/guides/foundry.md",
    "docs/guides/turns.md",
    "docs/guides/responses-contract.md",
    "docs/guides/hosts.md",
    "docs/guides/hono.md",
    "docs/guides/nextjs.md",
    "docs/guides/nestjs.md",
    "docs/guides/runtimes.md",
    "docs/guides/commonjs.md",
    "docs/guides/calling-back-end.md",
    "docs/guides/consent-in-clients.md",
    "docs/guides/elicitation.md",
    "docs/guides/mcp-features.md",
    "docs/guides/mcp-server.md",
    "docs/guides/command-line.md",
  ],
  "In production": [
    "docs/security.md",
    "docs/security-review.md",
    "docs/reliability.md",
    "docs/guides/bundling.md",
    "docs/guides/scaling.md",
    "docs/guides/observability.md",
    "docs/live-tenant.md",
  ],
  Errors: ["docs/guides/errors.md", "docs/errors.md", "docs/entra-codes.md"],
  Project: [
    "docs/architecture.md",
    "docs/proofs.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "test/foreign/README.md",
  ],
};

/** What the navigation calls a page, where its heading does not do. */
export const pageLabels: Readonly<Record<string, string>> = {
  "README.md": "Overview",
  "docs/errors.md": "Error codes",
};
