// The messages of the shown branch. Whatever changes them (sending, editing, another tab, a lost connection), one function
// brings the page up to date: it asks for the end of the thread and changes what differs.
import { part } from "../common/api.js";
import { all, byId, child, find, fragment, partOf } from "../common/dom.js";
import { inRounds } from "../common/rounds.js";
import { t } from "../common/text.js";
import { announce } from "../common/toast.js";
import * as markdown from "./markdown/render.js";
import * as replies from "./replies.js";
import * as scroll from "./scroll.js";

const RUNNING = ["pending", "streaming"];
export const LOCAL = "local:"; // begins the id of a temporary chat: nothing of it is stored
const COMPARISON = ".comparison";
const ANNOUNCED = 1000; // characters of an answer that are read out

/** The thread of the page; there is none on the page of pictures. */
const thread = () => document.getElementById("thread");
export const element = () => byId("thread");
export const chatId = () => thread()?.dataset.chat;
export const isTemporary = () => "temporary" in (thread()?.dataset ?? {});
export const apiUrl = (rest = "") => `/api/v1/chats/${chatId()}${rest}`;
const messages = () => all(".message[data-message]", element());
/** @param {HTMLElement} article */
const isRunning = (article) => RUNNING.includes(article.dataset.status ?? "");
/** @param {string | undefined} id of a message */
const articleOf = (id) => document.getElementById(`m-${id}`);

/** @type {OwnChat | undefined} */
let own;
/** The chat when this page alone keeps it (temporary.js). */
export const ownChat = () => (isTemporary() ? own : undefined);
/** @param {OwnChat} chat */
export function setOwnChat(chat) {
  own = chat;
}

/** What ends the branch: its last message, or the answers that stand side by side there. */
function ends() {
  const last = messages().at(-1);
  const columns = last?.closest(COMPARISON);
  return columns ? all(".message", columns) : last ? [last] : [];
}

/** The message ids of the replies that are running at the end of the branch. */
export const runningIds = () =>
  ends()
    .filter(isRunning)
    .map(({ dataset }) => dataset.message);

/** The message id of the first of them, if one is running. */
export const runningId = () => runningIds()[0];

/** How the end of the branch stands; of several answers the first one that has not failed counts. */
export const lastStatus = () => {
  const states = ends().map(({ dataset }) => dataset.status);
  return states.find((status) => status !== "failed") ?? states[0];
};

/** Whether the server has drawn the end of the branch, so that its status is known. */
export const isSettled = () => !ends().some(({ dataset }) => dataset.shown);

/** A main part was put in place: follow its end, take up what is still being written. */
export function open() {
  scroll.watch(byId("content"), element(), child(document, ".to-latest"));
  prepare(element());
}

/** The first message is there: the greeting goes, and the bar shows what belongs to a chat. */
export function begun() {
  document.getElementById("welcome")?.remove();
  child(document, ".bar").removeAttribute("data-empty");
}

/** The message that a search leads to, if one does: it is shown, and marked for a moment. */
export function showWanted() {
  const message = articleOf(element().dataset.wanted);
  if (!message) return;
  message.tabIndex = -1;
  message.focus({ preventScroll: true });
  message.classList.add("wanted");
  scroll.stayAt(message);
}

/** To the end of the branch, wherever in it one reads. */
export async function toLatest() {
  const later = find(".later", element());
  later?.remove();
  if (later) await refresh();
  scroll.toEnd();
}

/**
 * New elements: buttons for code, formulas, what htmx follows, and the replies among them that still grow.
 * @param {HTMLElement} root
 */
export function prepare(root) {
  markdown.decorate(root);
  window.htmx?.process(root);
  const articles = root.matches(".message") ? [root] : all(".message[data-message]", root);
  for (const article of articles) if (isRunning(article)) replies.adopt(article, chatId());
  if (root.matches(COMPARISON) || find(COMPARISON, root))
    import("./comparing/columns.js").then(
      ({ show }) => show(),
      () => {},
    ); // without a network all stand one below the other
}

const changed = () => document.dispatchEvent(new Event("thread:changed"));

/** Bring the shown branch up to date. */
export const refresh = inRounds(fetchAndMerge, changed);

async function fetchAndMerge() {
  const id = chatId();
  if (!id || isTemporary() || readsEarlier()) return;
  const html = await part(`/c/${id}/thread`).catch(() => undefined);
  if (html === undefined || chatId() !== id) return; // after a failure the next event, or connection, asks again
  merge(fragment(html));
}

/** Somebody reads far above the end, which is not there: what is new stands there, and nothing is sent. */
const readsEarlier = () => find(".later", element()) && !find(".sending", element());

/** @param {DocumentFragment} fresh */
function merge(fresh) {
  const isPart = (/** @type {Element} */ child) => child.matches(`.message[data-message], ${COMPARISON}`);
  const children = (/** @type {ParentNode} */ root) => /** @type {HTMLElement[]} */ ([...root.children]);
  const incoming = children(fresh).filter(isPart);
  const known = incoming[0] && document.getElementById(incoming[0].id);
  const shown = children(element()).filter(isPart);
  const older = known
    ? shown.slice(
        0,
        shown.findIndex((shownPart) => shownPart.contains(known)),
      )
    : [];
  if (!known) {
    find(".earlier", element())?.remove();
    const earlier = find(".earlier", fresh);
    if (earlier) {
      element().prepend(earlier);
      window.htmx?.process(earlier);
    }
  }
  const edge = find(".earlier", element());
  arrange(element(), incoming, older.at(-1) ?? edge, [edge, ...older]);
}

/**
 * Let an element have these children, below the ones that stay; what is as good as the new stays, where it stands.
 * @param {HTMLElement} parent
 * @param {HTMLElement[]} incoming
 * @param {HTMLElement | null} [above] the last of those that stay
 * @param {(HTMLElement | null)[]} [stay]
 */
function arrange(parent, incoming, above = null, stay = []) {
  const staying = new Set(stay);
  /** @type {Element | null} */
  let next;
  for (const fresh of incoming) {
    const shown = document.getElementById(fresh.id);
    const current = shown ? update(shown, fresh) : fresh;
    next = above ? above.nextElementSibling : parent.firstElementChild;
    if (next !== current) above ? above.after(current) : parent.prepend(current); // what stands right is not touched
    if (current !== shown) prepare(current);
    staying.add(current);
    above = current;
  }
  for (const other of all(":scope > *", parent)) if (!staying.has(other)) other.remove();
}

/**
 * The same comparison: its columns stay, each with its answer brought up to date.
 * @param {HTMLElement} shown
 * @param {HTMLElement} fresh
 */
function updateColumns(shown, fresh) {
  const { version } = fresh.dataset;
  if (shown.dataset.version !== version) {
    for (const name of ["head", "tabs"]) partOf(shown, name).replaceWith(partOf(fresh, name));
    shown.dataset.version = version;
  }
  arrange(partOf(shown, "columns"), all(".compared", fresh));
  return shown;
}

/**
 * Of a chat that this page keeps: only messages of these `ids` stay; those that the server drew take their place, or
 * the end.
 * @param {string} html
 * @param {string[]} ids
 */
export function put(html, ids) {
  for (const article of messages()) if (!ids.includes(article.dataset.message ?? "")) article.remove();
  for (const article of all(".message", fragment(html))) {
    const shown = document.getElementById(article.id);
    const current = shown ? update(shown, article) : element().appendChild(article);
    if (current !== shown) prepare(current);
  }
  changed();
}

/**
 * → the element to show: the one that is there when it is as good as the new one.
 * @param {HTMLElement} shown
 * @param {HTMLElement} fresh
 */
function update(shown, fresh) {
  if (fresh.matches(COMPARISON)) return updateColumns(shown, fresh);
  if (fresh.matches(".compared")) {
    arrange(shown, all(".message", fresh));
    return shown;
  }
  const { message = "", version } = shown.dataset;
  if (version === fresh.dataset.version || replies.get(message)) return shown;
  if (isRunning(fresh) && replies.hasEnded(message)) {
    if (fresh.dataset.parts === shown.dataset.parts) return shown; // asked for before its end
    replies.goesOn(message);
  }
  if (shown.dataset.shown === "final" && sourceOf(fresh) === shown.dataset.text) return takeOver(shown, fresh);
  shown.replaceWith(fresh);
  return fresh;
}

/**
 * The Markdown of an answer.
 * @param {HTMLElement} article
 */
export function sourceOf(article) {
  const source = find("template[data-source]", article);
  return source instanceof HTMLTemplateElement ? source.content.textContent : undefined;
}

/**
 * The same words: they stay as they were drawn, and what somebody selected in them; all around them is new.
 * @param {HTMLElement} shown
 * @param {HTMLElement} fresh
 */
function takeOver(shown, fresh) {
  const [before, after] = [shown, fresh].map((article) => partOf(article, "reasoning", HTMLDetailsElement));
  after.open = before.open;
  const thoughts = partOf(before, "reasoning-text").scrollTop;
  const body = partOf(shown, "body");
  const freshBody = partOf(fresh, "body");
  for (const other of [...shown.children]) if (other !== body) other.remove();
  const around = [...fresh.children];
  const middle = around.indexOf(freshBody);
  body.before(...around.slice(0, middle));
  shown.append(...around.slice(middle + 1));
  partOf(after, "reasoning-text").scrollTop = thoughts;
  const { status, version } = fresh.dataset;
  for (const name of ["shown", "text"]) delete shown.dataset[name];
  Object.assign(shown.dataset, { status, version });
  return shown;
}

/**
 * A reply is over: say so, and let the server's message take its place.
 * @param {Reply} reply
 */
export async function finish(reply) {
  if (reply.chatId !== chatId()) return;
  const shown = articleOf(reply.id);
  if (shown) shown.dataset.text = reply.content;
  await ownChat()?.finish(reply);
  await refresh();
  const article = articleOf(reply.id);
  if (!article) return;
  markdown.decorate(article); // what is shown only when it is whole
  const wrong = find(".error-title", article)?.textContent;
  const model = child(article, ".byline h2").textContent;
  const text = partOf(article, "body").textContent.slice(0, ANNOUNCED);
  if (wrong) announce(t("failed", { text: wrong }));
  else announce(article.dataset.status === "stopped" ? t("stopped") : t("answered", { model, text }));
}
