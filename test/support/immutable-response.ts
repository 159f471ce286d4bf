/** As a host's own Response may be that stands in for Node's: nobody can change the headers of a new one. */
export class ImmutableResponse extends Response {
  override get headers(): Headers {
    const immutable = (): never => {
      throw new TypeError("immutable");
    };
    return Object.assign(super.headers, { append: immutable, delete: immutable, set: immutable });
  }
}
