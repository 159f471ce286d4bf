/** A code that `responses()` answers with, but that this package never throws. */
export interface EnvelopeFacts {
  /** The HTTP status of the answer. */
  readonly status: number;
  readonly title: string;
  /** What to do next. */
  readonly help: string;
}

/** Codes of the platform's error envelope, for requests that fail before anything runs. */
export type EnvelopeCode =
  | "agent_stopping"
  | "server_error"
  | "user_id_missing"
  | "body_already_read"
  | "method_not_allowed"
  | "unsupported_media_type"
  | "unsupported_content_encoding"
  | "invalid_encoding"
  | "request_too_large"
  | "incomplete_body"
  | "invalid_json"
  | "request_too_complex"
  | "invalid_request"
  | "invalid_value"
  | "invalid_parameters"
  | "unsupported_parameter"
  | "invalid_mode"
  | "service_error";

/** What each means and what to do. For the catalog and for `explain`; agents never load it. */
export const envelopeCodes: Readonly<Record<EnvelopeCode, EnvelopeFacts>> = {
  agent_stopping: {
    status: 503,
    title: "The agent is shutting down and accepts no new turns.",
    help: "Send the request again after Retry-After; another instance will answer it.",
  },
  server_error: {
    status: 500,
    title: "The agent's own code, or a package it uses, threw an error; the client does not see it.",
    help: "Check what onError of responses() got. Without onError, check the process log, which has the location.",
  },
  user_id_missing: {
    status: 400,
    title: "The platform did not identify the user: there is no x-agent-user-id header.",
    help: "Call the agent through Foundry, as a signed-in user or with x-ms-user-identity. In a test, let startFoundry() or the headers name a user.",
  },
  body_already_read: {
    status: 500,
    title: "Something in front of responses() has read the request body.",
    help: "Pass a clone() to it, or read the body in the run, as turn.request.body.",
  },
  method_not_allowed: {
    status: 405,
    title: "The request is not a POST.",
    help: "Send POST /responses.",
  },
  unsupported_media_type: {
    status: 415,
    title: "The content type is not JSON.",
    help: "Send content-type: application/json.",
  },
  unsupported_content_encoding: {
    status: 415,
    title: "The body's compression is unknown, or applied twice.",
    help: "Send it uncompressed, or with one content-encoding of gzip, deflate and br.",
  },
  invalid_encoding: {
    status: 400,
    title: "The body does not match its content-encoding.",
    help: "Look for a proxy that decompresses bodies but keeps the header.",
  },
  request_too_large: {
    status: 413,
    title: "The body is larger than the limit, as sent or decompressed.",
    help: "Send less, or raise maxBodyBytes of responses().",
  },
  incomplete_body: {
    status: 400,
    title: "The connection broke while sending the body.",
    help: "Send the request again. If it keeps failing, compare content-length with what is sent.",
  },
  invalid_json: {
    status: 400,
    title: "The body is empty, not JSON, or not UTF-8.",
    help: "Send a JSON object in UTF-8.",
  },
  request_too_complex: {
    status: 400,
    title: "The body has more values, or is nested deeper, than the limit.",
    help: "Send a shorter history: at most 50 000 values, 100 levels deep.",
  },
  invalid_request: {
    status: 400,
    title: "The body is JSON but not an object.",
    help: 'Send an object, such as { "input": "Hello" }.',
  },
  invalid_value: {
    status: 400,
    title: "A field of the request has an invalid value.",
    help: "Read details, which lists each field and what is expected.",
  },
  invalid_parameters: {
    status: 400,
    title: "An id in the request is invalid.",
    help: "Send previous_response_id and conversation exactly as in an earlier answer; param names the field.",
  },
  unsupported_parameter: {
    status: 400,
    title: "The request asks for a background response, which agents built with this package do not support.",
    help: "Omit background, and read the response as it arrives.",
  },
  invalid_mode: {
    status: 400,
    title: "stream_options was sent without stream: true.",
    help: "Omit it, or ask for a stream.",
  },
  service_error: {
    status: 500,
    title:
      "The sign-in service itself failed. signInApi() answers with this code; remoteSignIn() throws sign_in_service_unavailable for it.",
    help: "Try again. If it keeps failing, check the log of the sign-in service.",
  },
};
