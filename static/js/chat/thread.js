// The messages of the shown branch. Whatever changes them (sending, editing, another tab, a lost connection), one function
// brings the page up to date: it asks for the end of the thread and changes what differs.
import { part } from "../common/api.js";
import { t } from "../common/text.js";
import { announce } from "../common/toast.js";
import * as markdown from "./markdown/render.js";
import * as replies from "./replies.js";
import * as scroll from "./scroll.js";

const RUNNING = ["pending", "streaming"];
const ANNOUNCED = 1000; // characters of an answer that are read out

export const element = () => document.getElementById("thread");
export const chatId = () => element()?.dataset.chat; // none on a page without a thread
/** The chat when this page alone keeps it (temporary.js): `ask`, `answerAgain`, `edit`, `finish`. */
export const ownChat = () => (isTemporary() ? own : undefined);
export const isTemporary = () => "temporary" in (element()?.dataset ?? {});
export const setOwnChat = (chat) => (own = chat);
let own;
export const apiUrl = (rest = "") => `/api/v1/chats/${chatId()}${rest}`;
const messages = () => [...element().querySelectorAll(".message[data-message]")];

/** The message id of the reply that is running at the end of the branch, if one is. */
export function runningId() {
  const last = messages().at(-1);
  return last && RUNNING.includes(last.dataset.status) ? last.dataset.message : undefined;
}

/** A main part was put in place: follow its end, take up what is still being written. */
export function open() {
  scroll.watch(document.getElementById("content"), element(), document.querySelector(".to-latest"));
  prepare(element());
}

/** New elements: buttons for code, formulas, what htmx follows, and the replies among them that still grow. */
export function prepare(root) {
  markdown.decorate(root);
  window.htmx?.process(root);
  const articles = root.matches(".message") ? [root] : root.querySelectorAll(".message[data-message]");
  for (const article of articles) {
    if (RUNNING.includes(article.dataset.status)) replies.adopt(article, chatId());
  }
}

let refreshing;
let again = false;

/** Bring the shown branch up to date; several calls at once become one more round. */
export function refresh() {
  again = Boolean(refreshing);
  refreshing ??= fetchAndMerge().finally(() => {
    refreshing = undefined;
    document.dispatchEvent(new Event("thread:changed"));
    if (again) return refresh();
  });
  return refreshing;
}

async function fetchAndMerge() {
  const id = chatId();
  if (!id || isTemporary()) return;
  const html = await part(`/c/${id}/thread`).catch(() => undefined);
  if (html === undefined || chatId() !== id) return; // after a failure the next event, or connection, asks again
  const fresh = document.createElement("template");
  fresh.innerHTML = html;
  merge(fresh.content);
}

function merge(fresh) {
  const thread = element();
  const incoming = [...fresh.querySelectorAll(".message")];
  const known = incoming[0] && document.getElementById(incoming[0].id);
  const older = known ? messages().slice(0, messages().indexOf(known)) : [];
  if (!known) {
    thread.querySelector(".earlier")?.remove();
    const earlier = fresh.querySelector(".earlier");
    if (earlier) {
      thread.prepend(earlier);
      window.htmx?.process(earlier);
    }
  }
  let above = older.at(-1) ?? thread.querySelector(".earlier");
  const kept = new Set([...older, above]);
  for (const article of incoming) {
    const shown = document.getElementById(article.id);
    const current = shown ? update(shown, article) : article;
    const next = above ? above.nextElementSibling : thread.firstElementChild;
    if (next !== current) above ? above.after(current) : thread.prepend(current); // what stands right is not touched
    if (current !== shown) prepare(current);
    kept.add(current);
    above = current;
  }
  for (const child of [...thread.children]) if (!kept.has(child)) child.remove();
}

/** Of a chat that this page keeps: only messages of these `ids` stay; those that the server drew take their place, or the end. */
export function put(html, ids) {
  for (const article of messages()) if (!ids.includes(article.dataset.message)) article.remove();
  const fresh = document.createElement("template");
  fresh.innerHTML = html;
  for (const article of fresh.content.querySelectorAll(".message")) {
    const shown = document.getElementById(article.id);
    const current = shown ? update(shown, article) : element().appendChild(article);
    if (current !== shown) prepare(current);
  }
  document.dispatchEvent(new Event("thread:changed"));
}

/** → the element to show: the one that is there when it is as good as the new one. */
function update(shown, fresh) {
  const { message, version } = shown.dataset;
  if (version === fresh.dataset.version || replies.get(message)) return shown;
  if (RUNNING.includes(fresh.dataset.status) && replies.hasEnded(message)) return shown; // asked for before its end
  const source = fresh.querySelector("template[data-source]")?.content.textContent;
  if (shown.dataset.shown === "final" && source === shown.dataset.text) return takeOver(shown, fresh);
  shown.replaceWith(fresh);
  return fresh;
}

/** The same words: they stay as they were drawn, and what somebody selected in them; all around them is new. */
function takeOver(shown, fresh) {
  const part = (article, name) => article.querySelector(`[data-part="${name}"]`);
  part(fresh, "reasoning").open = part(shown, "reasoning").open;
  const body = part(shown, "body");
  for (const child of [...shown.children]) if (child !== body) child.remove();
  let place = "before";
  for (const child of [...fresh.children]) {
    if (child === part(fresh, "body")) place = "after";
    else if (place === "before") body.before(child);
    else shown.append(child);
  }
  const { status, version } = fresh.dataset;
  for (const name of ["shown", "text"]) delete shown.dataset[name];
  Object.assign(shown.dataset, { status, version });
  return shown;
}

/** A reply is over: say so, and let the server's message take its place. */
export async function finish(reply) {
  if (reply.chatId !== chatId()) return;
  const shown = document.getElementById(`m-${reply.id}`);
  if (shown) shown.dataset.text = reply.content;
  await ownChat()?.finish(reply);
  await refresh();
  const article = document.getElementById(`m-${reply.id}`);
  if (!article) return;
  const model = article.querySelector(".byline h2").textContent;
  const text = article.querySelector("[data-part='body']").textContent.slice(0, ANNOUNCED);
  const wrong = article.querySelector(".error-title")?.textContent;
  if (wrong) announce(t("failed", { text: wrong }));
  else announce(article.dataset.status === "stopped" ? t("stopped") : t("answered", { model, text }));
}
