type BrandedClass =
  | "HostedAgentIdentityError"
  | "ConsentRequiredError"
  | "NoTokenError"
  | "TokenExchangeError"
  | "UserTokenError";

/** Names no build tool can change, the same in every copy of this package. */
const brands: Readonly<Record<BrandedClass, symbol>> = {
  HostedAgentIdentityError: Symbol.for("hosted-agent-identity/error/1"),
  ConsentRequiredError: Symbol.for("hosted-agent-identity/error/1/ConsentRequiredError"),
  NoTokenError: Symbol.for("hosted-agent-identity/error/1/NoTokenError"),
  TokenExchangeError: Symbol.for("hosted-agent-identity/error/1/TokenExchangeError"),
  UserTokenError: Symbol.for("hosted-agent-identity/error/1/UserTokenError"),
};

/**
 * Brands the errors of a class and of the classes derived from it. `constructor.name` cannot tell what an error
 * is, because minifiers rename classes, and neither can `instanceof`, because another copy of the package has
 * classes of its own.
 */
export function brandClass(errorClass: { readonly prototype: object }, name: BrandedClass): void {
  Object.defineProperty(errorClass.prototype, brands[name], { value: true });
  // Node prints the name of the class: out of a minified bundle, an error would be logged as "c [UserTokenError]".
  Object.defineProperty(errorClass, "name", { value: name, configurable: true });
}

/** Whether a value is an error of this class or of one derived from it, from this copy or another one. */
export function hasBrand(value: unknown, name: BrandedClass): boolean {
  if (typeof value !== "object" || value === null) return false;
  return (value as { readonly [brand: symbol]: unknown })[brands[name]] === true;
}
