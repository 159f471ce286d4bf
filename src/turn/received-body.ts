import type { CompressCallback, InputType, ZlibOptions } from "node:zlib";
import { requestError, type RequestError } from "./error-envelope.js";

/** What is known of a request before its body is read. */
export interface RequestHead {
  readonly method: string | undefined;
  readonly type: string | null | undefined;
  readonly length: string | null | undefined;
  readonly encoding: string | null | undefined;
}

/** The bytes of a body as they were before the sender compressed them, or why it is refused. */
type ReceivedBody = { readonly bytes: Uint8Array } | RequestError;

/**
 * Reads the body of `POST /responses`. The limit holds for what comes over the wire and for what decompression
 * makes of it: 4 kB can hold 4 MB. Reading stops at the limit.
 */
export async function receivedBody(
  head: RequestHead,
  body: AsyncIterable<Uint8Array> | null,
  maxBytes: number,
): Promise<ReceivedBody> {
  const refused = refusedRequest(head, maxBytes);
  if (refused !== undefined) return refused;
  const decompress = decompressors.get(encodingOf(head));
  if (decompress === undefined) return unknownEncoding;
  let bytes;
  try {
    bytes = await readBody(body, maxBytes);
  } catch {
    return cut;
  }
  return bytes === undefined ? tooLarge : decompress(bytes, maxBytes);
}

/** Why a request is refused whatever its body says. A parser in front that has read it has a limit of its own. */
export function refusedRequest(
  { method, type, length }: Omit<RequestHead, "encoding">,
  maxBytes: number = Infinity,
): RequestError | undefined {
  if (method !== "POST") return requestError(405, "method_not_allowed", "Use POST.");
  // Anything that a page of another site can send without a preflight, such as text/plain, is refused with it.
  if (!/^application\/(json|[\w.-]+\+json)\s*(;|$)/i.test(type ?? "")) {
    return requestError(415, "unsupported_media_type", "Send the body as application/json.");
  }
  return Number(length ?? 0) > maxBytes ? tooLarge : undefined;
}

const tooLarge = requestError(413, "request_too_large", "The request body is too large.");
const cut = requestError(400, "incomplete_body", "The request body ended early.");
const undecodable = requestError(
  400,
  "invalid_encoding",
  "The request body is not what its content-encoding says.",
);

/** Source for the header: RFC 9110, section 15.5.16. */
const unknownEncoding: RequestError = (() => {
  const refusal = requestError(
    415,
    "unsupported_content_encoding",
    "Send the body uncompressed, or with one content-encoding of gzip, deflate and br.",
  );
  return { ...refusal, headers: { ...refusal.headers, "accept-encoding": "gzip, deflate, br, identity" } };
})();

type Decompress = (bytes: Uint8Array, maxBytes: number) => ReceivedBody | Promise<ReceivedBody>;

type Unpack = (bytes: InputType, options: ZlibOptions, done: CompressCallback) => void;

function decompressWith(name: "gunzip" | "inflate" | "brotliDecompress"): Decompress {
  return async (bytes, maxBytes) => {
    // Few clients compress what they send, so this is loaded for the first that does.
    const unpack: Unpack = (await import("node:zlib"))[name];
    const maxOutputLength = Math.max(1, Math.min(maxBytes, longest));
    return new Promise((resolve) =>
      unpack(bytes, { maxOutputLength }, (error, unpacked) => {
        if (error === null) resolve({ bytes: unpacked });
        else
          resolve((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE" ? tooLarge : undecodable);
      }),
    );
  };
}

/** The largest `maxOutputLength` that Node takes on every machine. */
const longest = 2 ** 31 - 1;

const decompressors: ReadonlyMap<string, Decompress> = new Map<string, Decompress>([
  ["identity", (bytes) => ({ bytes })],
  ["gzip", decompressWith("gunzip")],
  ["x-gzip", decompressWith("gunzip")],
  ["deflate", decompressWith("inflate")],
  ["br", decompressWith("brotliDecompress")],
]);

function encodingOf({ encoding }: RequestHead): string {
  const named = encoding?.trim().toLowerCase() ?? "";
  return named === "" ? "identity" : named;
}

/** The bytes of a body, or `undefined` when there are more than allowed: reading stops there. */
export async function readBody(
  body: AsyncIterable<Uint8Array> | null,
  maxBytes: number,
): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body ?? []) {
    length += chunk.length;
    if (length > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
