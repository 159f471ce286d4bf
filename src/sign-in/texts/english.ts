import type { SignInTexts } from "./texts.js";

export const english: SignInTexts = {
  support: "Get help",
  privacy: "Privacy",
  tryAgain: "Try again",
  backToChat: "Back to the chat",
  reference: "Reference for support: {reference}, {time}",

  linkTitle: "Sign in for {agent}",
  linkIntro: "{agent} wants to use {server} for you. Go on only if you asked it to, just now.",
  linkAgent: "Who asks",
  linkServer: "What it wants to use",
  linkTime: "When you asked",
  linkAccount: "Your account",
  linkButton: "Continue to Microsoft sign-in",
  linkCode: "Afterwards you get a code to type into your own chat with {agent}.",
  linkForwarded:
    "Did someone send you this link? Then close this page: the link only works for the person who asked in the chat.",

  openTitle: "Open a page of {server}?",
  openIntro:
    "{server} asks you, through {agent}, to open a page of its own. Go on only if you know the address below and expected this.",
  openMessage: "What it says",
  openAddress: "Where it leads",
  openForeign:
    "The name of this site has letters of another alphabet, which can look like familiar ones. Go on only if you know it.",
  openButton: "Open the page",

  doneTitle: "You are signed in",
  doneText: "{agent} can now use {server} as {account}. Go back to the chat. You can close this page.",
  doneGuest: "You are a guest in this organization: {agent} sees what your guest account may see.",
  doneConnections: "See or end what is connected",

  codeTitle: "Type this code into your chat",
  codeText:
    "You signed in as {account}. To let {agent} use {server} as you, go back to your own chat with {agent} and type this code there:",
  codeLabel: "Your code",
  codeCopy: "Copy the code",
  codeCopied: "Copied",
  codeWarning:
    "Never give this code to anyone, whoever asks for it. Whoever types it into their chat acts as you.",
  codeLives: "The code works once, for {time}. Then the chat asks you to confirm your account.",
  codeLeft: "Time left: {time}",
  codeOver:
    "This code has expired. Go back to your chat and send your message again: you will get a new link.",

  listTitle: "What is connected",
  listAccount: "Signed in here as {account}.",
  listEmpty: "Nothing is connected with this account.",
  listUses: "Uses: {servers}",
  listUsesNothing: "nothing at the moment",
  listSince: "Connected: {time}",
  listUntil: "Goes on working for you after the chat, until {time}.",
  listWork: "work after the chat",
  listConsent:
    "Disconnecting makes this service forget its access. The permission itself stays with Microsoft until you withdraw it: see {apps} and {profile}.",
  listApps: "your apps",
  listProfile: "your account",
  listSignIn: "Sign in to see which agents act in your name, and to disconnect them.",
  listSignInButton: "Sign in with Microsoft",
  signOut: "Sign out",
  signOutText: "Signing out only closes this page. What is connected stays connected.",

  disconnect: "Disconnect",
  disconnectTitle: "Disconnect {agent}?",
  disconnectText:
    "Within a minute, {agent} can no longer use {servers} as {account}. The next time you ask it to, you have to sign in again.",
  disconnectWork: "The work that {agent} does for you after the chat ends within a minute.",
  disconnectTokens: "Access that was already handed out can last until it expires, usually about an hour.",
  changeAccount: "Use another account",
  changeTitle: "Use another account with {agent}?",
  changeText: "This also lets you sign in with another account in the same chat.",
  keep: "Keep it connected",
  disconnected: "Disconnected. Within a minute the agent has no access left.",
  changed: "Disconnected. The next time the agent asks, you can sign in with another account.",
  gone: "That was not connected any more.",
  reopen: "You are signed in. Go back to the chat and open the link there once more: now it shows the page.",

  nothingStored: "Nothing was stored and nobody can act in your name.",
  askAgain: "Go back to your chat and send your message again: you will get a new link.",
  badLinkTitle: "This link does not work",
  badLinkText: "It is incomplete, or was not made by an agent that may ask for a sign-in.",
  expiredTitle: "This link has expired",
  expiredText: "Links work for some minutes only, so that nobody can use an old one.",
  alreadyDoneTitle: "You are already signed in",
  alreadyDoneText:
    "This link has done its work, perhaps in another tab. Go back to the chat. You can close this page.",
  otherTabTitle: "You have this open in another tab",
  otherTabText: "Go on in the tab you opened last and close this one, or start again here.",
  otherBrowserTitle: "This sign-in began in another browser",
  otherBrowserText:
    "It has to end in the browser where it began. Perhaps cookies are blocked, or someone sent you an address from their own sign-in.",
  replayedTitle: "This step was done before",
  replayedText:
    "The page was loaded a second time, and each sign-in counts once. If the first time ended well, there is nothing more to do.",
  lostTitle: "This sign-in cannot go on here",
  lostText:
    "Your browser did not return what it was given when the sign-in began. Perhaps it blocks cookies, or you began more than three sign-ins at once: then the oldest ends.",
  tooManyTitle: "Too much is connected",
  tooManyText: "Your account is connected with as many chats and pieces of work as one account may have.",
  tooManyNext: "Open the connections page, disconnect what you do not need, and send your message again.",
  wrongAccountTitle: "This link is for another account",
  wrongAccountText: "The person who asked in the chat has to sign in, with the same account.",
  wrongAccountNext:
    "Did you ask, and only pick the wrong account? Then try again and choose the other one. Did someone send you this link? Then close this page.",
  pinnedTitle: "Another account is connected",
  pinnedText: "Your chat is connected to another account, and keeps to it.",
  pinnedNext:
    "To change it, open the connections page with the account that is connected, choose “Use another account”, and send your message again.",
  cancelledTitle: "You canceled the sign-in",
  cancelledText: "The agent goes on without it.",
  cancelledNext: "Did the page before say that an administrator has to approve? Then ask your administrator.",
  accessDeniedTitle: "Access was refused",
  accessDeniedText: "Your organization, or you, did not allow this access.",
  accessDeniedNext: "If you did not expect that, ask your administrator.",
  adminNeededTitle: "An administrator has to approve first",
  adminNeededText: "In your organization you cannot give this permission yourself.",
  adminNeededNext: "Ask your administrator to approve it, then send your message in the chat again.",
  adminNeededApp: "For your administrator: grant consent to the application {application}.",
  wrongTenantTitle: "This organization is not admitted",
  wrongTenantText: "You signed in with an account of an organization that is not served here.",
  wrongTenantNext: "Try again with the account of the organization where you use the agent.",
  guestTitle: "Your account is not a guest here",
  guestText: "You belong to another organization and have no guest account in the one where the agent works.",
  guestNext:
    "Try again with an account of that organization, or ask its administrator to invite you as a guest.",
  troubleTitle: "That did not work just now",
  troubleText: "It is not your fault.",
  troubleNext:
    "Wait a minute and try again. If it keeps happening, ask for help and give the reference below.",
  approvedTitle: "Thank you",
  approvedText:
    "Your answer as an administrator has arrived. People in your organization can now send their message in the chat again.",
  approvedNext: "Whether the approval is in effect shows when they sign in. You can close this page.",
  notApprovedTitle: "The approval was not given",
  notApprovedText: "Nothing was changed. Open the link again if you want to approve after all.",
  notFoundTitle: "There is nothing here",
  notFoundText: "The address is not a page of this sign-in.",
};
