// The chat page: puts its parts together.
import { part } from "../common/api.js";
import * as budget from "../common/budget.js";
import { setTimeZone } from "../common/cookies.js";
import { all, byId, find } from "../common/dom.js";
import * as shortcuts from "../common/shortcuts.js";
import * as socket from "../common/socket.js";
import { t } from "../common/text.js";
import { watchTheme } from "../common/theme.js";
import { toast } from "../common/toast.js";
import * as told from "../common/told.js";
import * as actions from "./actions.js";
import * as composer from "./composer.js";
import * as suggest from "./composing/suggest.js";
import * as followUps from "./follow-ups.js";
import * as gauge from "./longer/gauge.js";
import * as footnotes from "./markdown/footnotes.js";
import * as markdown from "./markdown/render.js";
import * as options from "./options.js";
import * as picker from "./picker.js";
import * as queue from "./queue.js";
import * as receipts from "./receipts.js";
import * as replies from "./replies.js";
import * as rules from "./rules/panel.js";
import * as sidebar from "./sidebar.js";
import * as thread from "./thread.js";

setTimeZone();

/** @param {(module: typeof import("./composing/drafts.js")) => unknown} use */
const drafts = (use) => import("./composing/drafts.js").then(use, () => {}); // without a network it stays in this page alone

async function openMain() {
  const dialog = find("dialog[open]");
  if (dialog instanceof HTMLDialogElement) dialog.close(); // it was about what stood here before
  if (thread.isTemporary()) (await import("./temporary.js")).open();
  for (const control of all("[data-ready]")) control.removeAttribute("disabled"); // what needs us works now
  thread.open();
  composer.open();
  options.open();
  if (`several:${document.body.dataset.user}` in localStorage)
    import("./comparing/several.js").then(
      (several) => several.open(),
      () => {},
    ); // as above: one model answers
  gauge.show();
  rules.open();
  sidebar.mark();
  if (byId("composer").dataset.draft || composer.area().value) drafts((module) => module.open());
  thread.showWanted();
}

for (const part of [actions, composer, followUps, gauge, options, picker, receipts, rules, sidebar, suggest])
  part.start();
shortcuts.start({ search: sidebar.focusSearch, onEscape: () => picker.isOpen() || composer.stop() });
watchTheme();
footnotes.watch();

replies.listen({
  onEnd(reply) {
    thread.finish(reply);
    if (reply.chatId === thread.chatId()) queue.answerEnded();
    budget.look();
  },
  onChange: sidebar.mark,
});
socket.on("chat:messages", ({ chat_id: id }) => id === thread.chatId() && thread.refresh());
socket.on("chat:draft", (_event, data) => drafts((module) => module.heard(data)));
document.addEventListener("draft:changed", () => drafts((module) => module.open()), { once: true });
socket.onOpen(({ again }) => again && thread.refresh());
document.addEventListener("thread:changed", composer.update);
document.addEventListener("model:changed", async () => {
  const chosen = picker.model() ?? "";
  const url = document.getElementById("welcome")?.dataset.url; // none in a temporary chat
  if (!url) return;
  const html = await part(`${url}?model=${encodeURIComponent(chosen)}`).catch(() => undefined);
  const welcome = document.getElementById("welcome");
  if (html === undefined || !welcome || chosen !== picker.model()) return;
  welcome.outerHTML = html; // its starters are those of the model
  for (const control of all("#welcome [data-ready]")) control.removeAttribute("disabled");
  window.htmx?.process(byId("welcome"));
});

// htmx follows the links between chats, and fetches earlier messages above those that are read.
document.addEventListener("htmx:sendError", () => toast(t("noAnswer")));
document.addEventListener("htmx:responseError", ({ detail }) => {
  if (detail.xhr.status === 401) location.reload();
  else if (detail.target.id === "main") location.assign(detail.pathInfo.requestPath); // the error has a page of its own
});
document.addEventListener("htmx:beforeRequest", ({ detail }) => {
  if (detail.target.id === "main") detail.target.dataset.loading = "";
});
document.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (detail.target.id === "main") delete detail.target.dataset.loading;
});
document.addEventListener("htmx:afterSwap", ({ target }) => {
  if (target === byId("main")) openMain();
});
document.addEventListener("htmx:historyRestore", openMain);
document.addEventListener("htmx:beforeSwap", (event) => {
  const { target, detail } = event;
  if (!detail.shouldSwap || !target.matches(".earlier, .later")) return;
  event.preventDefault();
  import("./stretches.js").then(({ bring }) => bring(target, detail.serverResponse));
});
document.addEventListener("htmx:load", ({ target }) => {
  if (target.closest("#thread")) thread.prepare(target);
});

told.start();
socket.connect();
openMain();
if (location.search.includes("shared=1")) import("./arrivals/received.js").then(({ take }) => take());
(window.requestIdleCallback ?? setTimeout)(markdown.ready);
