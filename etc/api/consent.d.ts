interface AgentReference {
    readonly type: "agent_reference";
    readonly name: string;
    readonly version?: string | undefined;
}
interface OutputItem {
    readonly type: string;
    readonly id?: string | undefined;
}
interface OAuthConsentRequestItem extends OutputItem {
    readonly type: "oauth_consent_request";
    readonly id: string;
    readonly consent_link: string;
    readonly server_label?: string | undefined;
    readonly response_id?: string | undefined;
    readonly agent_reference?: AgentReference | undefined;
}
interface ConsentLinkPolicyOptions {
    readonly allowedOrigins: readonly string[];
    readonly allowedLinks?: readonly AllowedConsentLink[];
}
interface ConsentLinkPolicy {
    readonly allowedOrigins: readonly string[];
    readonly allowedLinks?: readonly AllowedConsentLink[];
    check(link: string): void;
}
declare function consentLinkPolicy(options: ConsentLinkPolicyOptions): ConsentLinkPolicy;
interface AllowedConsentLink {
    readonly origin: string;
    readonly path: string;
    readonly parameters?: Readonly<Record<string, string>>;
}
interface ToolboxConsentLink {
    readonly origin: string;
    readonly path: string;
}
declare const toolboxConsentLinks: readonly ToolboxConsentLink[];
declare function isOAuthConsentRequest(item: unknown): item is OAuthConsentRequestItem;
interface ConsentCard {
    readonly link: string;
    readonly serverLabel?: string | undefined;
    readonly responseId?: string | undefined;
    readonly agentReference?: AgentReference | undefined;
}
interface ReadConsentRequestsOptions {
    readonly policy?: ConsentLinkPolicy;
    readonly onRefused?: (refusal: ConsentLinkRefusal) => void;
}
interface ConsentLinkRefusal {
    readonly reason: string;
    readonly serverLabel?: string | undefined;
}
declare function readConsentRequests(message: unknown, options?: ReadConsentRequestsOptions): ConsentCard[];
declare function consentReader(options?: ReadConsentRequestsOptions): (message: unknown) => ConsentCard[];
export { consentLinkPolicy, consentReader, isOAuthConsentRequest, readConsentRequests, toolboxConsentLinks };
export
    type {
    AgentReference,
    AllowedConsentLink,
    ConsentCard,
    ConsentLinkPolicy,
    ConsentLinkPolicyOptions,
    ConsentLinkRefusal,
    OAuthConsentRequestItem,
    ReadConsentRequestsOptions,
    ToolboxConsentLink
};
