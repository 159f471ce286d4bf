interface AgentReference {
    readonly type: "agent_reference";
    readonly name: string;
    readonly version?: string;
}
interface OutputItem {
    readonly type: string;
    readonly id?: string | undefined;
}
interface OAuthConsentRequestItem extends OutputItem {
    readonly type: "oauth_consent_request";
    readonly id: string;
    readonly consent_link: string;
    readonly server_label?: string;
    readonly response_id?: string;
    readonly agent_reference?: AgentReference;
}
interface ConsentLinkPolicyOptions {
    readonly allowedOrigins: readonly string[];
}
interface ConsentLinkPolicy {
    readonly allowedOrigins: readonly string[];
    check(link: string): void;
}
declare function consentLinkPolicy(options: ConsentLinkPolicyOptions): ConsentLinkPolicy;
declare function isOAuthConsentRequest(item: unknown): item is OAuthConsentRequestItem;
interface ConsentCard {
    readonly link: string;
    readonly serverLabel?: string;
    readonly responseId?: string;
    readonly agentReference?: AgentReference;
}
interface ReadConsentRequestsOptions {
    readonly policy?: ConsentLinkPolicy;
    readonly onRefused?: (refusal: ConsentLinkRefusal) => void;
}
interface ConsentLinkRefusal {
    readonly reason: string;
    readonly serverLabel?: string;
}
declare function readConsentRequests(message: unknown, options?: ReadConsentRequestsOptions): ConsentCard[];
declare function consentReader(options?: ReadConsentRequestsOptions): (message: unknown) => ConsentCard[];
export { consentLinkPolicy, consentReader, isOAuthConsentRequest, readConsentRequests };
export type { AgentReference, ConsentCard, ConsentLinkPolicy, ConsentLinkPolicyOptions, ConsentLinkRefusal, OAuthConsentRequestItem, ReadConsentRequestsOptions };
