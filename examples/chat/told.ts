/** What the chat says to a message. */
export interface Told {
  /** Of the response; "refused" where there is none. */
  readonly status: string;
  readonly text: string;
  /** Of the consent item. */
  readonly link: string | undefined;
  /** For `previous_response_id`. */
  readonly responseId: string | undefined;
  /** The code of the error, where the request or the turn failed. */
  readonly error: string | undefined;
}

/** Reads the answer to `POST /responses`. */
export async function told(response: Response): Promise<Told> {
  const { id, status = "refused", output = [], error } = (await response.json()) as ResponseBody;
  return {
    status,
    text: output
      .flatMap(({ content = [] }) => content.map((part) => part.text ?? ""))
      .join("")
      .trim(),
    link: output.find(({ type }) => type === "oauth_consent_request")?.consent_link,
    responseId: id,
    error: error?.code,
  };
}

interface ResponseBody {
  readonly id?: string;
  readonly status?: string;
  readonly output?: readonly {
    readonly type: string;
    readonly consent_link?: string;
    readonly content?: readonly { readonly text?: string }[];
  }[];
  readonly error?: { readonly code?: string } | null;
}
