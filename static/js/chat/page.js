// The chat page: puts its parts together.

import { setTimeZone } from "../common/cookies.js";
import * as socket from "../common/socket.js";
import { t } from "../common/text.js";
import { watchTheme } from "../common/theme.js";
import { toast } from "../common/toast.js";
import * as actions from "./actions.js";
import * as composer from "./composer.js";
import * as followUps from "./follow-ups.js";
import * as keys from "./keys.js";
import * as markdown from "./markdown/render.js";
import * as options from "./options.js";
import * as picker from "./picker.js";
import * as replies from "./replies.js";
import * as scroll from "./scroll.js";
import * as sidebar from "./sidebar.js";
import * as thread from "./thread.js";

setTimeZone();

async function openMain() {
  document.querySelector("dialog[open]")?.close(); // it was about what stood here before
  if (thread.isTemporary()) (await import("./temporary.js")).open();
  for (const control of document.querySelectorAll("[data-ready]")) control.disabled = false; // what needs us works now
  thread.open();
  composer.open();
  options.open();
  sidebar.mark();
}

for (const part of [actions, composer, followUps, keys, options, picker, sidebar]) part.start();
watchTheme();

replies.listen({ onEnd: thread.finish, onChange: sidebar.mark });
socket.on("chat:messages", ({ chat_id: id }) => id === thread.chatId() && thread.refresh());
socket.on("open", ({ again }) => again && thread.refresh());
document.addEventListener("thread:changed", composer.update);

// htmx follows the links between chats, and fetches earlier messages above those that are read.
document.addEventListener("htmx:sendError", () => toast(t("noAnswer")));
document.addEventListener("htmx:responseError", ({ detail }) => {
  if (detail.xhr.status === 401) location.reload();
  else if (detail.target.id === "main") location.assign(detail.pathInfo.requestPath); // the error has a page of its own
});
document.addEventListener("htmx:afterSwap", ({ target }) => {
  if (target.id === "main") openMain();
});
document.addEventListener("htmx:historyRestore", openMain);
let fromEnd;
document.addEventListener("htmx:beforeSwap", ({ target }) => {
  fromEnd = target.matches(".earlier") ? scroll.place() : undefined;
});
document.addEventListener("htmx:load", ({ target }) => {
  if (!target.closest("#thread")) return;
  thread.prepare(target);
  if (fromEnd !== undefined) scroll.restore(fromEnd);
});

socket.connect();
openMain();
(window.requestIdleCallback ?? setTimeout)(markdown.ready);
