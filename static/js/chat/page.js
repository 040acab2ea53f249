// The chat page: puts its parts together.
import * as budget from "../common/budget.js";
import { setTimeZone } from "../common/cookies.js";
import { all, byId, find } from "../common/dom.js";
import * as shortcuts from "../common/shortcuts.js";
import * as socket from "../common/socket.js";
import { t } from "../common/text.js";
import { watchTheme } from "../common/theme.js";
import { toast } from "../common/toast.js";
import * as actions from "./actions.js";
import * as composer from "./composer.js";
import * as followUps from "./follow-ups.js";
import * as footnotes from "./markdown/footnotes.js";
import * as markdown from "./markdown/render.js";
import * as options from "./options.js";
import * as picker from "./picker.js";
import * as receipts from "./receipts.js";
import * as replies from "./replies.js";
import * as scroll from "./scroll.js";
import * as sidebar from "./sidebar.js";
import * as thread from "./thread.js";

setTimeZone();

async function openMain() {
  const dialog = find("dialog[open]");
  if (dialog instanceof HTMLDialogElement) dialog.close(); // it was about what stood here before
  if (thread.isTemporary()) (await import("./temporary.js")).open();
  for (const control of all("[data-ready]")) control.removeAttribute("disabled"); // what needs us works now
  thread.open();
  composer.open();
  options.open();
  sidebar.mark();
}

for (const part of [actions, composer, followUps, options, picker, receipts, sidebar]) part.start();
shortcuts.start({ search: sidebar.focusSearch, onEscape: () => picker.isOpen() || composer.stop() });
watchTheme();
footnotes.watch();

replies.listen({
  onEnd(reply) {
    thread.finish(reply);
    composer.replyEnded(reply);
    budget.look();
  },
  onChange: sidebar.mark,
});
socket.on("chat:messages", ({ chat_id: id }) => id === thread.chatId() && thread.refresh());
socket.onOpen(({ again }) => again && thread.refresh());
document.addEventListener("thread:changed", composer.update);

// htmx follows the links between chats, and fetches earlier messages above those that are read.
document.addEventListener("htmx:sendError", () => toast(t("noAnswer")));
document.addEventListener("htmx:responseError", ({ detail }) => {
  if (detail.xhr.status === 401) location.reload();
  else if (detail.target.id === "main") location.assign(detail.pathInfo.requestPath); // the error has a page of its own
});
document.addEventListener("htmx:afterSwap", ({ target }) => {
  if (target === byId("main")) openMain();
});
document.addEventListener("htmx:historyRestore", openMain);
/** @type {number | undefined} */
let fromEnd;
document.addEventListener("htmx:beforeSwap", ({ target }) => {
  fromEnd = target.matches(".earlier") ? scroll.position() : undefined;
});
document.addEventListener("htmx:load", ({ target }) => {
  if (!target.closest("#thread")) return;
  thread.prepare(target);
  if (fromEnd !== undefined) scroll.restore(fromEnd);
});

socket.connect();
openMain();
(window.requestIdleCallback ?? setTimeout)(markdown.ready);
