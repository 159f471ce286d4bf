/** What we use of `oidc-provider`, which brings no declarations. */
declare module "oidc-provider" {
  import type { RequestListener } from "node:http";

  export interface OidcRequest {
    readonly path: string;
    status: number;
    get(header: string): string;
    /** Set once the endpoint has read its request. */
    readonly oidc?: { readonly params?: Readonly<Record<string, string | undefined>> };
  }

  interface Model {
    save(): Promise<string>;
  }

  export default class Provider {
    constructor(issuer: string, settings: object);
    use(middleware: (request: OidcRequest, next: () => Promise<void>) => Promise<void>): void;
    callback(): RequestListener;
    readonly Client: { find(id: string): Promise<object | undefined> };
    readonly Grant: new (of: {
      readonly accountId: string;
      readonly clientId: string;
    }) => Model & { addOIDCScope(scope: string): void };
    readonly RefreshToken: new (of: object) => Model;
  }
}
