import type { SignInTexts } from "./texts.js";

export const french: SignInTexts = {
  support: "Aide",
  privacy: "Confidentialité",
  tryAgain: "Réessayer",
  backToChat: "Retour à la conversation",
  reference: "Référence pour l’assistance : {reference}, {time}",

  linkTitle: "Connexion pour {agent}",
  linkIntro:
    "{agent} souhaite utiliser {server} pour vous. Ne continuez que si vous venez de le lui demander.",
  linkAgent: "Qui demande",
  linkServer: "Ce qui serait utilisé",
  linkTime: "Quand vous l’avez demandé",
  linkAccount: "Votre compte",
  linkButton: "Continuer vers la connexion Microsoft",
  linkCode: "Vous recevrez ensuite un code à saisir dans votre propre conversation avec {agent}.",
  linkForwarded:
    "Quelqu’un vous a envoyé ce lien ? Fermez cette page : le lien ne fonctionne que pour la personne qui a fait la demande dans la conversation.",

  openTitle: "Ouvrir une page de {server} ?",
  openIntro:
    "{server} vous demande, par l’intermédiaire de {agent}, d’ouvrir une page qui lui appartient. Continuez seulement si vous connaissez l’adresse ci-dessous et vous y attendiez.",
  openMessage: "Ce qu’il dit",
  openAddress: "Où cela mène",
  openForeign:
    "Le nom de ce site contient des lettres d’un autre alphabet, qui peuvent ressembler à des lettres familières. Continuez seulement si vous le connaissez.",
  openButton: "Ouvrir la page",

  doneTitle: "Vous êtes connecté",
  doneText:
    "{agent} peut maintenant utiliser {server} en tant que {account}. Retournez à la conversation. Vous pouvez fermer cette page.",
  doneGuest: "Vous êtes invité dans cette organisation : {agent} voit ce que votre compte invité peut voir.",
  doneConnections: "Voir ou supprimer vos connexions",

  codeTitle: "Saisissez ce code dans votre conversation",
  codeText:
    "Vous vous êtes connecté en tant que {account}. Pour que {agent} utilise {server} en votre nom, retournez à votre propre conversation avec {agent} et saisissez-y ce code :",
  codeLabel: "Votre code",
  codeCopy: "Copier le code",
  codeCopied: "Copié",
  codeWarning:
    "Ne donnez ce code à personne, qui que ce soit. Celui qui le saisit dans sa conversation agit en votre nom.",
  codeLives:
    "Le code fonctionne une seule fois, pendant {time}. Ensuite, la conversation vous demande de confirmer votre compte.",
  codeLeft: "Temps restant : {time}",
  codeOver:
    "Ce code a expiré. Retournez à votre conversation et renvoyez votre message : vous recevrez un nouveau lien.",

  listTitle: "Vos connexions",
  listAccount: "Connecté ici en tant que {account}.",
  listEmpty: "Rien n’est connecté à ce compte.",
  listUses: "Utilise : {servers}",
  listUsesNothing: "rien pour le moment",
  listSince: "Connecté : {time}",
  listUntil: "Continue à travailler pour vous après la conversation, jusqu’au {time}.",
  listWork: "travail après la conversation",
  listConsent:
    "Après la déconnexion, ce service oublie son accès. L’autorisation elle-même reste chez Microsoft jusqu’à ce que vous la retiriez : voir {apps} et {profile}.",
  listApps: "vos applications",
  listProfile: "votre compte",
  listSignIn: "Connectez-vous pour voir quels agents agissent en votre nom et pour les déconnecter.",
  listSignInButton: "Se connecter avec Microsoft",
  signOut: "Se déconnecter",
  signOutText: "Vous ne quittez que cette page. Vos connexions sont conservées.",

  disconnect: "Déconnecter",
  disconnectTitle: "Déconnecter {agent} ?",
  disconnectText:
    "Dans la minute, {agent} ne pourra plus utiliser {servers} en tant que {account}. À votre prochaine demande, vous devrez vous connecter à nouveau.",
  disconnectWork: "Le travail que {agent} fait pour vous après la conversation s’arrête dans la minute.",
  disconnectTokens: "Un accès déjà accordé peut durer jusqu’à son expiration, en général une heure environ.",
  changeAccount: "Utiliser un autre compte",
  changeTitle: "Utiliser un autre compte avec {agent} ?",
  changeText: "Vous pourrez ensuite vous connecter avec un autre compte dans la même conversation.",
  keep: "Garder la connexion",
  disconnected: "Déconnecté. Dans la minute, l’agent n’aura plus aucun accès.",
  changed: "Déconnecté. À la prochaine demande de l’agent, vous pourrez utiliser un autre compte.",
  gone: "Cette connexion n’existait plus.",
  reopen:
    "Vous êtes connecté. Revenez à la conversation et ouvrez-y le lien encore une fois : il affiche maintenant la page.",

  nothingStored: "Rien n’a été enregistré et personne ne peut agir en votre nom.",
  askAgain: "Retournez à votre conversation et renvoyez votre message : vous recevrez un nouveau lien.",
  badLinkTitle: "Ce lien ne fonctionne pas",
  badLinkText: "Il est incomplet ou ne vient pas d’un agent autorisé à demander une connexion.",
  expiredTitle: "Ce lien a expiré",
  expiredText: "Les liens ne fonctionnent que quelques minutes, afin que personne n’en utilise un ancien.",
  alreadyDoneTitle: "Vous êtes déjà connecté",
  alreadyDoneText:
    "Ce lien a déjà servi, peut-être dans un autre onglet. Retournez à la conversation. Vous pouvez fermer cette page.",
  otherTabTitle: "Cette page est ouverte dans un autre onglet",
  otherTabText: "Continuez dans l’onglet ouvert en dernier et fermez celui-ci, ou recommencez ici.",
  otherBrowserTitle: "Cette connexion a commencé dans un autre navigateur",
  otherBrowserText:
    "Elle doit se terminer dans le navigateur où elle a commencé. Les cookies sont peut-être bloqués, ou quelqu’un vous a envoyé une adresse de sa propre connexion.",
  replayedTitle: "Cette étape est déjà faite",
  replayedText:
    "La page a été chargée une seconde fois, et chaque connexion ne compte qu’une fois. Si la première a réussi, il n’y a plus rien à faire.",
  lostTitle: "Cette connexion ne peut pas continuer ici",
  lostText:
    "Votre navigateur n’a pas rendu ce qu’il avait reçu au début de la connexion. Il bloque peut-être les cookies, ou vous avez commencé plus de trois connexions à la fois : la plus ancienne s’arrête alors.",
  tooManyTitle: "Trop de connexions",
  tooManyText: "Votre compte a autant de conversations et de travaux en cours qu’un compte peut en avoir.",
  tooManyNext:
    "Ouvrez la page de vos connexions, supprimez celles dont vous n’avez pas besoin et renvoyez votre message.",
  wrongAccountTitle: "Ce lien est destiné à un autre compte",
  wrongAccountText:
    "La personne qui a fait la demande dans la conversation doit se connecter, avec le même compte.",
  wrongAccountNext:
    "C’était vous, avec le mauvais compte ? Réessayez et choisissez l’autre. Quelqu’un vous a envoyé ce lien ? Fermez cette page.",
  pinnedTitle: "Un autre compte est connecté",
  pinnedText: "Votre conversation est connectée à un autre compte et le conserve.",
  pinnedNext:
    "Pour en changer, ouvrez la page de vos connexions avec le compte connecté, choisissez « Utiliser un autre compte » et renvoyez votre message.",
  cancelledTitle: "Vous avez annulé la connexion",
  cancelledText: "L’agent continue sans elle.",
  cancelledNext:
    "La page précédente disait-elle qu’un administrateur doit donner son accord ? Adressez-vous à votre administrateur.",
  accessDeniedTitle: "L’accès a été refusé",
  accessDeniedText: "Votre organisation, ou vous-même, n’avez pas autorisé cet accès.",
  accessDeniedNext: "Si vous ne vous y attendiez pas, adressez-vous à votre administrateur.",
  adminNeededTitle: "Un administrateur doit d’abord donner son accord",
  adminNeededText: "Dans votre organisation, vous ne pouvez pas donner cette autorisation vous-même.",
  adminNeededNext:
    "Demandez l’accord de votre administrateur, puis renvoyez votre message dans la conversation.",
  adminNeededApp: "Pour votre administrateur : accordez le consentement à l’application {application}.",
  wrongTenantTitle: "Cette organisation n’est pas admise",
  wrongTenantText: "Vous vous êtes connecté avec le compte d’une organisation qui n’est pas servie ici.",
  wrongTenantNext: "Réessayez avec le compte de l’organisation où vous utilisez l’agent.",
  guestTitle: "Votre compte n’est pas invité ici",
  guestText:
    "Vous appartenez à une autre organisation et n’avez pas de compte invité dans celle où travaille l’agent.",
  guestNext:
    "Réessayez avec un compte de cette organisation, ou demandez à son administrateur de vous inviter.",
  troubleTitle: "Cela n’a pas fonctionné cette fois",
  troubleText: "Ce n’est pas de votre faute.",
  troubleNext:
    "Attendez une minute et réessayez. Si cela se reproduit, demandez de l’aide en donnant la référence ci-dessous.",
  approvedTitle: "Merci",
  approvedText:
    "Votre réponse d’administrateur est arrivée. Les personnes de votre organisation peuvent renvoyer leur message dans la conversation.",
  approvedNext: "On verra à leur connexion si l’accord est en vigueur. Vous pouvez fermer cette page.",
  notApprovedTitle: "L’accord n’a pas été donné",
  notApprovedText: "Rien n’a été modifié. Ouvrez à nouveau le lien si vous souhaitez donner votre accord.",
  notFoundTitle: "Il n’y a rien ici",
  notFoundText: "Cette adresse n’est pas une page de cette connexion.",
};
