import {
  brotliCompressSync,
  brotliDecompressSync,
  deflateSync,
  gunzipSync,
  gzipSync,
  inflateSync,
} from "node:zlib";
import { refused } from "./refused.js";

interface Encoding {
  readonly encode: (bytes: Uint8Array) => Buffer;
  readonly decode: (bytes: Uint8Array) => Buffer;
}

const limit = { maxOutputLength: 4_194_304 };

const encodings: Readonly<Record<string, Encoding>> = {
  "": { encode: asItIs, decode: asItIs },
  identity: { encode: asItIs, decode: asItIs },
  gzip: { encode: (bytes) => gzipSync(bytes), decode: (bytes) => gunzipSync(bytes, limit) },
  deflate: { encode: (bytes) => deflateSync(bytes), decode: (bytes) => inflateSync(bytes, limit) },
  br: { encode: (bytes) => brotliCompressSync(bytes), decode: (bytes) => brotliDecompressSync(bytes, limit) },
};

/** `content-encoding` is forwarded, and the platform adds to the body: it is opened and closed again. */
export function encodingOf(name: string | undefined): Encoding {
  const found = Object.hasOwn(encodings, name ?? "") ? encodings[name ?? ""] : undefined;
  if (found === undefined) throw refused("body_invalid");
  const decode = (bytes: Uint8Array): Buffer => {
    try {
      return found.decode(bytes);
    } catch {
      throw refused("body_invalid");
    }
  };
  return { encode: found.encode, decode };
}

function asItIs(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes);
}
