import type { SignInTexts } from "./texts.js";

export const spanish: SignInTexts = {
  support: "Ayuda",
  privacy: "Privacidad",
  tryAgain: "Intentar de nuevo",
  backToChat: "Volver al chat",
  reference: "Referencia para soporte: {reference}, {time}",

  linkTitle: "Iniciar sesión para {agent}",
  linkIntro: "{agent} quiere usar {server} por usted. Continúe solo si acaba de pedírselo.",
  linkAgent: "Quién lo pide",
  linkServer: "Qué quiere usar",
  linkTime: "Cuándo lo pidió usted",
  linkAccount: "Su cuenta",
  linkButton: "Continuar al inicio de sesión de Microsoft",
  linkCode: "Después recibirá un código para escribirlo en su propio chat con {agent}.",
  linkForwarded:
    "¿Alguien le envió este enlace? Cierre esta página: el enlace solo funciona para la persona que lo pidió en el chat.",

  openTitle: "¿Abrir una página de {server}?",
  openIntro:
    "{server} le pide, a través de {agent}, que abra una página suya. Continúe solo si conoce la dirección de abajo y lo esperaba.",
  openMessage: "Lo que dice",
  openAddress: "Adónde lleva",
  openForeign:
    "El nombre de este sitio tiene letras de otro alfabeto, que pueden parecerse a otras conocidas. Continúe solo si lo conoce.",
  openButton: "Abrir la página",

  doneTitle: "Ha iniciado sesión",
  doneText: "{agent} ya puede usar {server} como {account}. Vuelva al chat. Puede cerrar esta página.",
  doneGuest: "Usted es invitado en esta organización: {agent} ve lo que su cuenta de invitado puede ver.",
  doneConnections: "Ver o terminar las conexiones",

  codeTitle: "Escriba este código en su chat",
  codeText:
    "Ha iniciado sesión como {account}. Para que {agent} use {server} en su nombre, vuelva a su propio chat con {agent} y escriba allí este código:",
  codeLabel: "Su código",
  codeCopy: "Copiar el código",
  codeCopied: "Copiado",
  codeWarning:
    "No dé este código a nadie, sea quien sea. Quien lo escriba en su chat actúa en nombre de usted.",
  codeLives: "El código funciona una vez, durante {time}. Después el chat le pide que confirme su cuenta.",
  codeLeft: "Tiempo restante: {time}",
  codeOver:
    "Este código ha caducado. Vuelva a su chat y envíe de nuevo su mensaje: recibirá un enlace nuevo.",

  listTitle: "Sus conexiones",
  listAccount: "Sesión iniciada aquí como {account}.",
  listEmpty: "No hay nada conectado con esta cuenta.",
  listUses: "Usa: {servers}",
  listUsesNothing: "nada por el momento",
  listSince: "Conectado: {time}",
  listUntil: "Sigue trabajando para usted después del chat, hasta el {time}.",
  listWork: "trabajo después del chat",
  listConsent:
    "Al desconectar, este servicio olvida su acceso. El permiso en sí permanece en Microsoft hasta que usted lo retire: consulte {apps} y {profile}.",
  listApps: "sus aplicaciones",
  listProfile: "su cuenta",
  listSignIn: "Inicie sesión para ver qué agentes actúan en su nombre y para desconectarlos.",
  listSignInButton: "Iniciar sesión con Microsoft",
  signOut: "Cerrar sesión",
  signOutText: "Solo cierra la sesión en esta página. Lo que está conectado sigue conectado.",

  disconnect: "Desconectar",
  disconnectTitle: "¿Desconectar {agent}?",
  disconnectText:
    "En menos de un minuto, {agent} ya no podrá usar {servers} como {account}. La próxima vez que se lo pida, tendrá que iniciar sesión de nuevo.",
  disconnectWork: "El trabajo que {agent} hace para usted después del chat termina en menos de un minuto.",
  disconnectTokens:
    "El acceso ya entregado puede durar hasta que caduque, normalmente alrededor de una hora.",
  changeAccount: "Usar otra cuenta",
  changeTitle: "¿Usar otra cuenta con {agent}?",
  changeText: "Después también podrá iniciar sesión con otra cuenta en el mismo chat.",
  keep: "Mantener la conexión",
  disconnected: "Desconectado. En menos de un minuto el agente no tendrá ningún acceso.",
  changed: "Desconectado. La próxima vez que el agente lo pida, podrá usar otra cuenta.",
  gone: "Eso ya no estaba conectado.",
  reopen: "Ha iniciado sesión. Vuelva al chat y abra allí el enlace una vez más: ahora muestra la página.",

  nothingStored: "No se ha guardado nada y nadie puede actuar en su nombre.",
  askAgain: "Vuelva a su chat y envíe de nuevo su mensaje: recibirá un enlace nuevo.",
  badLinkTitle: "Este enlace no funciona",
  badLinkText: "Está incompleto, o no lo creó un agente que pueda pedir un inicio de sesión.",
  expiredTitle: "Este enlace ha caducado",
  expiredText: "Los enlaces funcionan solo unos minutos, para que nadie pueda usar uno antiguo.",
  alreadyDoneTitle: "Ya ha iniciado sesión",
  alreadyDoneText:
    "Este enlace ya se ha usado, quizá en otra pestaña. Vuelva al chat. Puede cerrar esta página.",
  otherTabTitle: "Tiene esta página abierta en otra pestaña",
  otherTabText: "Continúe en la última pestaña que abrió y cierre esta, o empiece aquí de nuevo.",
  otherBrowserTitle: "Este inicio de sesión empezó en otro navegador",
  otherBrowserText:
    "Tiene que terminar en el navegador en el que empezó. Quizá las cookies están bloqueadas, o alguien le envió una dirección de su propio inicio de sesión.",
  replayedTitle: "Este paso ya se hizo",
  replayedText:
    "La página se cargó por segunda vez, y cada inicio de sesión cuenta una sola vez. Si la primera vez salió bien, no hay nada más que hacer.",
  lostTitle: "Este inicio de sesión no puede continuar aquí",
  lostText:
    "Su navegador no devolvió lo que recibió al empezar. Quizá bloquea las cookies, o usted empezó más de tres inicios de sesión a la vez: entonces termina el más antiguo.",
  tooManyTitle: "Hay demasiadas conexiones",
  tooManyText: "Su cuenta tiene tantos chats y trabajos en curso como puede tener una cuenta.",
  tooManyNext: "Abra la página de sus conexiones, desconecte lo que no necesite y envíe de nuevo su mensaje.",
  wrongAccountTitle: "Este enlace es para otra cuenta",
  wrongAccountText: "Debe iniciar sesión la persona que lo pidió en el chat, con la misma cuenta.",
  wrongAccountNext:
    "¿Lo pidió usted y solo eligió la cuenta equivocada? Inténtelo de nuevo con la otra. ¿Alguien le envió este enlace? Cierre esta página.",
  pinnedTitle: "Hay otra cuenta conectada",
  pinnedText: "Su chat está conectado a otra cuenta y la mantiene.",
  pinnedNext:
    "Para cambiarla, abra la página de sus conexiones con la cuenta conectada, elija «Usar otra cuenta» y envíe de nuevo su mensaje.",
  cancelledTitle: "Ha cancelado el inicio de sesión",
  cancelledText: "El agente continúa sin él.",
  cancelledNext:
    "¿La página anterior decía que un administrador tiene que aprobarlo? Consulte a su administrador.",
  accessDeniedTitle: "Se ha denegado el acceso",
  accessDeniedText: "Su organización, o usted, no ha permitido este acceso.",
  accessDeniedNext: "Si no lo esperaba, consulte a su administrador.",
  adminNeededTitle: "Antes tiene que aprobarlo un administrador",
  adminNeededText: "En su organización usted no puede conceder este permiso.",
  adminNeededNext: "Pida a su administrador que lo apruebe y envíe de nuevo su mensaje en el chat.",
  adminNeededApp: "Para su administrador: conceda el consentimiento a la aplicación {application}.",
  wrongTenantTitle: "Esta organización no está admitida",
  wrongTenantText: "Ha iniciado sesión con una cuenta de una organización que aquí no se atiende.",
  wrongTenantNext: "Inténtelo de nuevo con la cuenta de la organización en la que usa el agente.",
  guestTitle: "Su cuenta no es invitada aquí",
  guestText:
    "Usted pertenece a otra organización y no tiene una cuenta de invitado en la organización donde trabaja el agente.",
  guestNext: "Inténtelo con una cuenta de esa organización, o pida a su administrador que le invite.",
  troubleTitle: "Esta vez no ha funcionado",
  troubleText: "No es culpa suya.",
  troubleNext:
    "Espere un minuto e inténtelo de nuevo. Si vuelve a ocurrir, pida ayuda y dé la referencia de abajo.",
  approvedTitle: "Gracias",
  approvedText:
    "Su respuesta como administrador ha llegado. Las personas de su organización ya pueden enviar de nuevo su mensaje en el chat.",
  approvedNext: "Si la aprobación está en vigor se verá cuando inicien sesión. Puede cerrar esta página.",
  notApprovedTitle: "No se ha dado la aprobación",
  notApprovedText: "No se ha cambiado nada. Abra de nuevo el enlace si después de todo quiere aprobarlo.",
  notFoundTitle: "Aquí no hay nada",
  notFoundText: "La dirección no es una página de este inicio de sesión.",
};
