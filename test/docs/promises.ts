/** What docs/security.md says with a word that leaves no room for an exception, and what holds it true. */
export interface PromiseOfThePage {
  /** The sentence, or enough of it. */
  readonly says: string;
  readonly proof: Proof;
}

interface Proof {
  /** A file under test, without `.test.ts`, and the title of one of its tests. */
  readonly tests: readonly (readonly [file: string, title: string])[];
  /** Why there is none: what the sentence says of the world, of itself, or of the attack that remains. */
  readonly because?: string;
}

const held = (...tests: Proof["tests"]): Proof => ({ tests });
const said = (because: string): Proof => ({ tests: [], because });

export const promises: readonly PromiseOfThePage[] = [
  { says: "names the test behind each", proof: held(["docs/promises", "nothing that is not in the list"]) },
  {
    says: "a request of the server count, never what a tool returned",
    proof: held(["access/elicitation", "leaves the host's own to the host: %s"]),
  },
  {
    says: "Nothing is fetched from the page.",
    proof: held(["sign-in/flow/open", "goes on at a click only"]),
  },
  {
    says: "Nowhere else:",
    proof: held(
      ["redaction/whole-demo", "nothing of the demo is anywhere else than it belongs"],
      ["http/every-adapter", "nothing behind it can find the token on the request"],
    ),
  },
  {
    says: "so it owns nothing and makes no link, unless you name the person",
    proof: held(
      [
        "request/unattended",
        "owns nothing and makes no link, although its id was declared to be one person's",
      ],
      ["request/unattended", "works for the person whom its owner hook names, and for that account only"],
    ),
  },
  {
    says: "A token of another audience opens no exchange",
    proof: held(
      ["tokens/acquire", "refuse a token of server B that is replayed to reach server C"],
      ["sign-in/flow/links", "or a grant is opened by no token that was made for a resource, whosever it is"],
    ),
  },
  {
    says: "Never by session, conversation, model text",
    proof: held(
      ["request/create", "never wins over a verified token"],
      ["request/create", "in retired headers counts for nothing"],
    ),
  },
  {
    says: "takes it from no other server",
    proof: held([
      "tokens/servers-of-one-app",
      "stays there: it gets another token, and the others keep theirs",
    ]),
  },
  {
    says: "A caller that aborts never cancels the others",
    proof: held(
      ["tokens/acquire", "lets an aborting caller leave without cancelling the others"],
      ["faults/abort", "while signing keys are fetched is let go; who waits for the same keys is served"],
    ),
  },
  {
    says: "is sent as the developer only where the developer has said so",
    proof: held(
      ["sources/developer", "is skipped where the developer has not said so: %s"],
      ["sources/developer", "the guide names every known host, with the page that documents its variable"],
    ),
  },
  {
    says: "Every entry of outside bytes has a limit",
    proof: held(["docs/limits", "are one line for each entry, and every line is tried here"]),
  },
  {
    says: "is answered 500, and nothing passes",
    proof: held(["server/broken-callbacks", "lets nothing pass when demand %s"]),
  },
  {
    says: "and to nothing else there",
    proof: held([
      "docs/consent-policy",
      "shows every kind of link that a toolbox of any cloud has, and the export lists them all",
    ]),
  },
  {
    says: "Foundry's consent hosts serve every customer of Azure",
    proof: said("It is what remains: the hosts are not ours, and another customer's link looks the same."),
  },
  {
    says: "what is over a limit is refused whole, never cut",
    proof: held(["docs/limits", "%s: %i, and not one more"]),
  },
  {
    says: "Every target also says in what its inputs can grow",
    proof: held(["fuzz/targets", "says in what its inputs can grow: $name"]),
  },
  {
    says: "What a server advertises is never a destination",
    proof: held([
      "exchange/on-behalf-of-exchange",
      "goes to the assertion's own tenant, not to the app's home",
    ]),
  },
  {
    says: "Refusals are classified by what Entra documents, never by text",
    proof: held(["entra/classify", "never looks at the text"]),
  },
  {
    says: "a configuration error never becomes a consent request",
    proof: held(["tokens/acquire", "calls missing consent without a link a configuration error"]),
  },
  {
    says: "never logged or shown to the model",
    proof: held(["redaction/whole-demo", "nothing of the demo is anywhere else than it belongs"]),
  },
  {
    says: "never from tool content",
    proof: held(["toolbox/consent", "-32006 in what a tool returned means nothing"]),
  },
  {
    says: "Every wait ends",
    proof: held(["faults/sign-in-store", "hangs: one call of each waits for the store's limit"]),
  },
  {
    says: "Every call to Entra, a key endpoint, a sign-in service or a store has a timeout",
    proof: held(
      ["exchange/on-behalf-of-exchange", "gives up on a silent Entra after timeoutMs"],
      ["user-token/signing-keys", "because it %s, the answer is 503 and another try works"],
      [
        "sign-in/remote/remote-sign-in",
        "a service that takes the request and never answers is given up after timeoutMs",
      ],
      ["faults/sign-in-store", "hangs: one call of each waits for the store's limit"],
    ),
  },
  {
    says: "and send nothing else",
    proof: held(["mcp/pool-with-real-sdks", "closing may end the session and nothing else"]),
  },
  {
    says: "The absence of a claim proves nothing",
    proof: held(["user-token/verify", "a user token is refused that has"]),
  },
  {
    says: "No owner can use another's room",
    proof: held(["turn/operations", "are bounded for each person, and nobody takes another's room"]),
  },
  {
    says: "Maps are keyed by digests, never by tokens, claims or a server's words",
    proof: held(
      ["access/map-keys", "in an access whose server asks for something else with each answer"],
      ["access/map-keys", "in a toolbox, whose token is everybody's"],
      ["access/map-keys", "in an MCP server's own record of sessions"],
    ),
  },
  {
    says: "a clock that was put back makes nothing younger",
    proof: held(
      ["async/clocks", "hold a date against both: it is over when either says so"],
      ["faults/two-clocks", "is not kept any longer when %s"],
    ),
  },
  {
    says: "Five users of a tenant who are throttled within ten seconds, while no one in that tenant is served",
    proof: held(
      ["exchange/back-off", "stops that tenant and no other one"],
      ["exchange/back-off", "is not begun by five in trouble when somebody between them was served"],
    ),
  },
  {
    says: "Two hostile tenants whose own endpoints fail, while no one else is served",
    proof: held(
      ["exchange/back-off", "stops every tenant, and then each asks once for itself"],
      ["exchange/back-off", "is not begun while anybody is served"],
    ),
  },
  {
    says: "Every call is made as a verified person",
    proof: held(["access/fetch", "goes nowhere without a user"]),
  },
  {
    says: "it opens no exchange, no grant and no other resource with any source",
    proof: held(
      ["tokens/acquire", "refuse a token of server B that is replayed to reach server C"],
      ["tokens/acquire", "ask no source for a resource that the user token is not for"],
      ["context/principals", "of %s is not reached by %s"],
    ),
  },
  {
    says: "never under `context.user.oid`",
    proof: said("It is advice. What an agent of yours keeps is found by the isolation suite, not by us."),
  },
  {
    says: "In the hosted environment a toolbox acts for the platform's own caller, whatever token came.",
    proof: said(
      "It is what remains: the platform knows its caller by the call id, and looks at no token of ours.",
    ),
  },
  {
    says: "against whatever else shares its audience",
    proof: said("It is what remains: a server can use a token that it was sent, and we cannot take it back."),
  },
  { says: "nothing once the code is disclosed", proof: said("It is the attack that remains, and says so.") },
  {
    says: "The platform's id owns nothing until you declare it",
    proof: held(["request/create", "makes a principal only where its user id was declared to be one person"]),
  },
  {
    says: "Errors, events, spans, metrics and contexts hold none",
    proof: held(
      ["redaction/whole-demo", "nothing of the demo is anywhere else than it belongs"],
      ["request/create", "a context shows nothing of its token: printed, spread, cloned"],
      ["otel/no-personal-data", "have a pseudonym only where a key asks for one"],
    ),
  },
  {
    says: "nothing loaded before it is used",
    proof: held([
      "package/tarball",
      "loads neither MSAL, jose, @azure/identity, OpenTelemetry nor a framework for the root",
    ]),
  },
  {
    says: "the server keeps nothing in a session",
    proof: said("It is the developer's word, and what the option means."),
  },
  {
    says: "Nothing is kept or sent, and an event says so",
    proof: held(["exchange/on-behalf-of-exchange", "refuses a token that came with %s, and raises an event"]),
  },
  {
    says: "and whatever looks random",
    proof: held(["turn/report-error", "no secret of a message, a name, a stack or a cause is printed"]),
  },
  {
    says: "A link can be forwarded, so opening it proves nothing",
    proof: said("It is why the rest is there."),
  },
  {
    says: "Anyone else who opens the link stores nothing",
    proof: held([
      "sign-in/flow/known-person",
      "has to be the one who opens the link: somebody it was forwarded to stores nothing",
    ]),
  },
  {
    says: "A link is used up by a completed binding and by nothing else",
    proof: held(["sign-in/binding/races", "is used up by a binding only, not by one that the store cut off"]),
  },
  {
    says: "says never to give it to a person",
    proof: held(["sign-in/binding/code-mode", "Never give this code to anyone"]),
  },
  {
    says: "the victim's connections page shows every chat",
    proof: held([
      "sign-in/flow/connections",
      "shows what is connected with the account, since when and for which agent",
    ]),
  },
  {
    says: "so that nothing begun before counts any more",
    proof: held(["sign-in/grants/record-changes", "writes nothing when the person has %s meanwhile"]),
  },
  { says: "A sign-out revokes nothing elsewhere", proof: said("It says what a sign-out does not do.") },
  {
    says: "Someone who also has the encryption keys can open every grant",
    proof: said("It says what a key holder can do."),
  },
  {
    says: "trust each other entirely",
    proof: said("It is advice: the keys open everything."),
  },
  {
    says: "Every parser that meets outside bytes is fuzzed",
    proof: held([
      "fuzz/fuzzer",
      "finds an error that only inputs lead to which were kept for the branches they reached",
    ]),
  },
  {
    says: "values of every store",
    proof: said("Part of the list of fuzz targets in test/fuzz/targets/all.ts."),
  },
  {
    says: "and needs nothing to be downloaded",
    proof: said("It is a folder of this repository, and package.json names no fuzzer."),
  },
  {
    says: "never answer, have code that nothing reaches",
    proof: held([
      "fuzz/fuzzer",
      "doubles sizes, and shows a parser whose cost for each character grows with their number",
    ]),
  },
  {
    says: "it can name those who talk to it, and no one else",
    proof: held(
      ["sign-in/remote/remote-sign-in", "may not name people by the platform's id where it is not declared"],
      ["sign-in/remote/remote-sign-in", "a user token that is none"],
    ),
  },
  { says: "a platform user id proves nothing", proof: said("It says what the platform does not give.") },
  {
    says: "there is nothing that your service could check",
    proof: said("It says of the platform's call id who can resolve it."),
  },
  {
    says: "it has the keys to every grant in its store",
    proof: said("It says what remains where no sign-in service is used."),
  },
  {
    says: "What was being fetched while the user signed out is kept nowhere",
    proof: held(
      ["access/forgotten", "a person who is forgotten while it is being filled leaves nothing in"],
      ["sign-in/sign-out", "no turn of this process gets a token that was being read meanwhile"],
    ),
  },
  {
    says: "a chat user who never signs in, fills the sign-in store",
    proof: said("It is what an attacker wants to do, not what we promise."),
  },
  {
    says: "a sign-in is held in a sealed cookie and the store keeps nothing of it",
    proof: held([
      "sign-in/flow/attempts",
      "makes the store keep nothing, however often they press, come back and make codes up",
    ]),
  },
];
