import type { SignInTexts } from "./texts.js";

export const german: SignInTexts = {
  support: "Hilfe",
  privacy: "Datenschutz",
  tryAgain: "Erneut versuchen",
  backToChat: "Zurück zum Chat",
  reference: "Referenz für den Support: {reference}, {time}",

  linkTitle: "Anmeldung für {agent}",
  linkIntro:
    "{agent} möchte {server} für Sie verwenden. Fahren Sie nur fort, wenn Sie das gerade angefordert haben.",
  linkAgent: "Wer fragt",
  linkServer: "Was verwendet werden soll",
  linkTime: "Wann Sie gefragt haben",
  linkAccount: "Ihr Konto",
  linkButton: "Weiter zur Microsoft-Anmeldung",
  linkCode: "Danach erhalten Sie einen Code, den Sie in Ihren eigenen Chat mit {agent} eingeben.",
  linkForwarded:
    "Hat Ihnen jemand diesen Link geschickt? Dann schließen Sie die Seite: Der Link funktioniert nur für die Person, die im Chat gefragt hat.",

  openTitle: "Eine Seite von {server} öffnen?",
  openIntro:
    "{server} bittet Sie über {agent}, eine eigene Seite zu öffnen. Fahren Sie nur fort, wenn Sie die Adresse unten kennen und das erwartet haben.",
  openMessage: "Was der Server sagt",
  openAddress: "Wohin es führt",
  openForeign:
    "Der Name dieser Website hat Zeichen eines anderen Alphabets, die vertrauten ähnlich sehen können. Fahren Sie nur fort, wenn Sie sie kennen.",
  openButton: "Seite öffnen",

  doneTitle: "Sie sind angemeldet",
  doneText:
    "{agent} kann {server} jetzt als {account} verwenden. Kehren Sie zum Chat zurück. Sie können diese Seite schließen.",
  doneGuest: "Sie sind Gast in dieser Organisation: {agent} sieht, was Ihr Gastkonto sehen darf.",
  doneConnections: "Verbindungen ansehen oder trennen",

  codeTitle: "Geben Sie diesen Code in Ihren Chat ein",
  codeText:
    "Sie haben sich als {account} angemeldet. Damit {agent} {server} in Ihrem Namen verwenden kann, kehren Sie zu Ihrem eigenen Chat mit {agent} zurück und geben Sie dort diesen Code ein:",
  codeLabel: "Ihr Code",
  codeCopy: "Code kopieren",
  codeCopied: "Kopiert",
  codeWarning:
    "Geben Sie diesen Code niemandem, egal wer danach fragt. Wer ihn in seinen Chat eingibt, handelt in Ihrem Namen.",
  codeLives: "Der Code gilt einmal, für {time}. Danach fragt der Chat, ob das Ihr Konto ist.",
  codeLeft: "Verbleibende Zeit: {time}",
  codeOver:
    "Dieser Code ist abgelaufen. Kehren Sie zu Ihrem Chat zurück und senden Sie Ihre Nachricht noch einmal: Sie erhalten einen neuen Link.",

  listTitle: "Ihre Verbindungen",
  listAccount: "Hier angemeldet als {account}.",
  listEmpty: "Mit diesem Konto ist nichts verbunden.",
  listUses: "Verwendet: {servers}",
  listUsesNothing: "zurzeit nichts",
  listSince: "Verbunden: {time}",
  listUntil: "Arbeitet nach dem Chat für Sie weiter, bis {time}.",
  listWork: "Arbeit nach dem Chat",
  listConsent:
    "Beim Trennen vergisst dieser Dienst seinen Zugriff. Die Berechtigung selbst bleibt bei Microsoft, bis Sie sie widerrufen: siehe {apps} und {profile}.",
  listApps: "Ihre Apps",
  listProfile: "Ihr Konto",
  listSignIn:
    "Melden Sie sich an, um zu sehen, welche Agenten in Ihrem Namen handeln, und um sie zu trennen.",
  listSignInButton: "Mit Microsoft anmelden",
  signOut: "Abmelden",
  signOutText: "Die Abmeldung gilt nur für diese Seite. Ihre Verbindungen bleiben bestehen.",

  disconnect: "Trennen",
  disconnectTitle: "{agent} trennen?",
  disconnectText:
    "Innerhalb einer Minute kann {agent} nicht mehr als {account} auf {servers} zugreifen. Beim nächsten Mal müssen Sie sich neu anmelden.",
  disconnectWork: "Die Arbeit, die {agent} nach dem Chat für Sie erledigt, endet innerhalb einer Minute.",
  disconnectTokens: "Bereits erteilter Zugriff gilt, bis er abläuft, meist etwa eine Stunde.",
  changeAccount: "Anderes Konto verwenden",
  changeTitle: "Ein anderes Konto mit {agent} verwenden?",
  changeText: "Danach können Sie sich im selben Chat auch mit einem anderen Konto anmelden.",
  keep: "Verbunden lassen",
  disconnected: "Getrennt. Innerhalb einer Minute hat der Agent keinen Zugriff mehr.",
  changed:
    "Getrennt. Wenn der Agent das nächste Mal fragt, können Sie sich mit einem anderen Konto anmelden.",
  gone: "Diese Verbindung gab es nicht mehr.",
  reopen:
    "Sie sind angemeldet. Gehen Sie zurück zum Chat und öffnen Sie den Link dort noch einmal: Jetzt zeigt er die Seite.",

  nothingStored: "Es wurde nichts gespeichert, und niemand kann in Ihrem Namen handeln.",
  askAgain:
    "Kehren Sie zu Ihrem Chat zurück und senden Sie Ihre Nachricht noch einmal: Sie erhalten einen neuen Link.",
  badLinkTitle: "Dieser Link funktioniert nicht",
  badLinkText: "Er ist unvollständig, oder er stammt von keinem Agenten, der eine Anmeldung anfordern darf.",
  expiredTitle: "Dieser Link ist abgelaufen",
  expiredText: "Links gelten nur einige Minuten, damit niemand einen alten verwenden kann.",
  alreadyDoneTitle: "Sie sind bereits angemeldet",
  alreadyDoneText:
    "Dieser Link hat seinen Zweck erfüllt, vielleicht in einem anderen Tab. Kehren Sie zum Chat zurück. Sie können diese Seite schließen.",
  otherTabTitle: "Diese Seite ist in einem anderen Tab geöffnet",
  otherTabText:
    "Machen Sie in dem Tab weiter, den Sie zuletzt geöffnet haben, und schließen Sie diesen, oder beginnen Sie hier neu.",
  otherBrowserTitle: "Diese Anmeldung begann in einem anderen Browser",
  otherBrowserText:
    "Sie muss in dem Browser enden, in dem sie begann. Vielleicht sind Cookies blockiert, oder jemand hat Ihnen eine Adresse aus seiner eigenen Anmeldung geschickt.",
  replayedTitle: "Dieser Schritt ist schon erledigt",
  replayedText:
    "Die Seite wurde ein zweites Mal geladen, und jede Anmeldung zählt nur einmal. War der erste Versuch erfolgreich, ist nichts mehr zu tun.",
  lostTitle: "Diese Anmeldung kann hier nicht weitergehen",
  lostText:
    "Ihr Browser hat nicht zurückgegeben, was er zu Beginn der Anmeldung erhalten hat. Vielleicht blockiert er Cookies, oder Sie haben mehr als drei Anmeldungen zugleich begonnen: Dann endet die älteste.",
  tooManyTitle: "Zu viele Verbindungen",
  tooManyText: "Ihr Konto hat so viele Chats und laufende Arbeiten, wie ein Konto haben darf.",
  tooManyNext:
    "Öffnen Sie die Seite mit Ihren Verbindungen, trennen Sie, was Sie nicht brauchen, und senden Sie Ihre Nachricht noch einmal.",
  wrongAccountTitle: "Dieser Link ist für ein anderes Konto",
  wrongAccountText: "Anmelden muss sich die Person, die im Chat gefragt hat, und zwar mit demselben Konto.",
  wrongAccountNext:
    "Haben Sie selbst gefragt und nur das falsche Konto gewählt? Dann versuchen Sie es erneut mit dem anderen. Hat Ihnen jemand diesen Link geschickt? Dann schließen Sie diese Seite.",
  pinnedTitle: "Ein anderes Konto ist verbunden",
  pinnedText: "Ihr Chat ist mit einem anderen Konto verbunden und bleibt bei diesem.",
  pinnedNext:
    "Um das zu ändern, öffnen Sie die Seite mit Ihren Verbindungen mit dem verbundenen Konto, wählen Sie „Anderes Konto verwenden“ und senden Sie Ihre Nachricht noch einmal.",
  cancelledTitle: "Sie haben die Anmeldung abgebrochen",
  cancelledText: "Der Agent macht ohne sie weiter.",
  cancelledNext:
    "Stand auf der Seite davor, dass ein Administrator zustimmen muss? Dann fragen Sie Ihren Administrator.",
  accessDeniedTitle: "Der Zugriff wurde abgelehnt",
  accessDeniedText: "Ihre Organisation, oder Sie selbst, haben diesen Zugriff nicht erlaubt.",
  accessDeniedNext: "Wenn Sie das nicht erwartet haben, fragen Sie Ihren Administrator.",
  adminNeededTitle: "Zuerst muss ein Administrator zustimmen",
  adminNeededText: "In Ihrer Organisation können Sie diese Berechtigung nicht selbst erteilen.",
  adminNeededNext:
    "Bitten Sie Ihren Administrator um Zustimmung und senden Sie dann Ihre Nachricht noch einmal.",
  adminNeededApp: "Für Ihren Administrator: Erteilen Sie der Anwendung {application} die Zustimmung.",
  wrongTenantTitle: "Diese Organisation ist nicht zugelassen",
  wrongTenantText: "Sie haben sich mit dem Konto einer Organisation angemeldet, die hier nicht bedient wird.",
  wrongTenantNext:
    "Versuchen Sie es erneut mit dem Konto der Organisation, in der Sie den Agenten verwenden.",
  guestTitle: "Ihr Konto ist hier kein Gast",
  guestText:
    "Sie gehören zu einer anderen Organisation und haben kein Gastkonto in der Organisation, in der der Agent arbeitet.",
  guestNext:
    "Versuchen Sie es mit einem Konto dieser Organisation, oder bitten Sie deren Administrator um eine Einladung als Gast.",
  troubleTitle: "Das hat gerade nicht funktioniert",
  troubleText: "Es liegt nicht an Ihnen.",
  troubleNext:
    "Warten Sie eine Minute und versuchen Sie es erneut. Wenn es wieder geschieht, bitten Sie um Hilfe und nennen Sie die Referenz unten.",
  approvedTitle: "Vielen Dank",
  approvedText:
    "Ihre Antwort als Administrator ist angekommen. Die Personen in Ihrer Organisation können ihre Nachricht im Chat jetzt noch einmal senden.",
  approvedNext: "Ob die Zustimmung wirkt, zeigt sich bei der Anmeldung. Sie können diese Seite schließen.",
  notApprovedTitle: "Die Zustimmung wurde nicht erteilt",
  notApprovedText: "Es wurde nichts geändert. Öffnen Sie den Link erneut, wenn Sie doch zustimmen möchten.",
  notFoundTitle: "Hier ist nichts",
  notFoundText: "Die Adresse ist keine Seite dieser Anmeldung.",
};
