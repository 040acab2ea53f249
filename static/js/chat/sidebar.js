// The list of chats: where we are, rename, delete with a way back, the drawer on small screens.
import { part, patch, post, remove, tellRefusal } from "../common/api.js";
import { setCookie } from "../common/cookies.js";
import { all, byId, child, closest, find } from "../common/dom.js";
import { on, onOpen } from "../common/socket.js";
import { t } from "../common/text.js";
import { toast } from "../common/toast.js";
import * as marks from "./order/marks.js";
import * as replies from "./replies.js";
import { openShare } from "./share.js";
import * as thread from "./thread.js";

const narrow = matchMedia("(max-width: 48rem)");
const list = () => byId("chat-list");
const search = () => byId("search", HTMLInputElement);
/** @param {string | undefined} id */
const row = (id) => find(`.chat-row[data-chat="${id}"]`, list());
/** @param {HTMLElement} item */
const nameOf = (item) => child(item, ".chat-name").textContent;
/** @type {HTMLElement | undefined} */
let chosen; // the row whose menu is open

export function start() {
  on("chat:list", refresh);
  on("chat:title", ({ chat_id: id }, { title }) => {
    showTitle(id, title);
    if (!row(id)) refresh(); // a list that is on its way may be older than this title
  });
  onOpen(({ again }) => again && refresh());
  document.addEventListener("chat:opened", ({ detail: chat }) => showTitle(chat.id, chat.title));
  document.addEventListener("click", clicked);
  document.addEventListener("keydown", pressed);
  for (const type of ["mousedown", "dragstart"]) document.addEventListener(type, held);
  child(document, ".search-filters").addEventListener("toggle", showFilters);
  marks.start();
  document.addEventListener("change", (event) => {
    const input = closest(event, "input[name='rows']");
    if (input instanceof HTMLInputElement) showLines(input.checked);
  });
  byId("row-menu").addEventListener("toggle", menuToggled);
  list().addEventListener("htmx:afterSettle", mark);
}

/**
 * A row is held, and may be dragged: by then its script is there.
 * @param {Event} event
 */
async function held(event) {
  const item = closest(event, ".chat-row, .lists-row");
  if (!item) return;
  const { begin } = await import("./order/drag.js");
  if (event.type === "dragstart") begin(item);
}

/** @param {boolean} two */
function showLines(two) {
  document.body.classList.toggle("two-lines", two);
  patch("/api/v1/preferences", { rows: two ? "two" : "one" }).catch(tellRefusal);
}

/** Where we are, and which replies are running. */
export function mark() {
  const id = thread.chatId();
  for (const item of all(".chat-row", list())) {
    const link = child(item, "a");
    if (item.dataset.chat === id) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    item.classList.toggle("running", "running" in item.dataset || replies.isRunning(item.dataset.chat));
  }
  marks.look();
}

/** The fields that narrow the search come when they are first asked for; what is chosen in them searches at once. */
async function showFilters() {
  const box = child(document, ".search-filters div");
  if (box.childElementCount) return;
  box.innerHTML = (await part("/sidebar/filters").catch(tellRefusal)) ?? "";
  find("select", box)?.focus();
}

function searched() {
  const fields = [...new FormData(byId("chat-search", HTMLFormElement))].filter(([, value]) => value);
  return new URLSearchParams(fields.map(([name, value]) => [name, String(value)]));
}

/** @type {number | undefined} */
let newest; // round: what an older one brings is not shown

/** The list as it is now, unless somebody is renaming in it. */
export function refresh() {
  clearTimeout(newest);
  const round = setTimeout(async () => {
    if (list().querySelector("form")) return refresh();
    const html = await part(`/sidebar?${searched()}`).catch(() => undefined);
    if (html === undefined || round !== newest) return; // after a failure the next event, or connection, asks again
    list().innerHTML = html;
    window.htmx?.process(list());
    mark();
  }, 50);
  newest = round;
}

/**
 * @param {string | undefined} id
 * @param {string | undefined} title
 */
function showTitle(id, title) {
  const shown = title || t("newChat");
  const item = row(id);
  if (item) child(item, ".chat-name").textContent = shown;
  if (thread.chatId() !== id) return;
  document.title = document.title.replace(/^.* · /, () => `${shown} · `);
  byId("chat-title").textContent = shown;
}

// --- One chat ----------------------------------------------------------------------------------------------------------

/** @param {ToggleEvent} event */
function menuToggled({ newState }) {
  if (newState === "open") child(byId("row-menu"), "button:not([hidden])").focus();
  else chosen?.classList.remove("menu-open");
}

/** @param {HTMLElement} item */
function rename(item) {
  const link = child(item, "a");
  const form = document.createElement("form");
  const input = Object.assign(document.createElement("input"), { value: nameOf(item), maxLength: 200 });
  input.setAttribute("aria-label", t("rename"));
  form.append(input);
  link.hidden = true;
  item.prepend(form);
  input.select();
  let over = false;
  const end = (/** @type {boolean} */ save) => {
    if (over) return;
    over = true;
    const title = input.value.trim();
    form.remove();
    link.hidden = false;
    link.focus();
    if (!save || !title || title === nameOf(item)) return;
    showTitle(item.dataset.chat, title);
    attempt(patch(`/api/v1/chats/${item.dataset.chat}`, { title })).then((saved) => saved && refresh());
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    end(true);
  });
  input.addEventListener("blur", () => end(true));
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    end(false);
  });
}

/** @param {HTMLElement} item */
async function removeChat(item) {
  const id = item.dataset.chat;
  if (!(await attempt(remove(`/api/v1/chats/${id}`)))) return;
  const next = (item.nextElementSibling ?? item.previousElementSibling)?.querySelector("a");
  item.remove();
  find(`.starter[href="/c/${id}"]`)?.closest("li")?.remove();
  (next ?? search()).focus();
  if (thread.chatId() === id) child(document, ".new-chat").click();
  toast(t("deleted"), {
    label: t("undo"),
    run: async () => (await attempt(post(`/api/v1/chats/${id}/restore`))) && refresh(),
  });
}

/** @type {Record<string, (item: HTMLElement) => unknown>} */
const rowActions = { rename, delete: removeChat, share: (item) => openShare(item.dataset.chat) };

/**
 * → whether it worked.
 * @param {Promise<unknown>} request
 */
async function attempt(request) {
  try {
    await request;
    return true;
  } catch (error) {
    tellRefusal(error);
    refresh();
    return false;
  }
}

// --- The drawer, and keys ----------------------------------------------------------------------------------------------

const hideButton = () => child(document, ".sidebar-top button");
const showButton = () => child(document, ".open-sidebar");

export function show() {
  if (narrow.matches) {
    document.body.classList.add("drawer-open");
    byId("main").inert = true;
    hideButton().focus();
  } else setClosed(false);
}

export function hide() {
  if (!narrow.matches) return setClosed(true);
  if (!document.body.classList.contains("drawer-open")) return;
  document.body.classList.remove("drawer-open");
  byId("main").inert = false;
  showButton().focus();
}

/** @param {boolean} closed */
function setClosed(closed) {
  document.body.classList.toggle("sidebar-closed", closed);
  setCookie("sidebar", closed ? "closed" : "open");
  (closed ? showButton() : hideButton()).focus();
}

export function focusSearch() {
  if (narrow.matches || document.body.classList.contains("sidebar-closed")) show();
  search().focus();
  search().select();
}

/** @param {MouseEvent} event */
function clicked(event) {
  const more = closest(event, ".row-more");
  if (more) openMenu(/** @type {HTMLElement} */ (more.closest(".chat-row")));
  if (closest(event, "[data-export], [data-page]")) byId("row-menu").hidePopover();
  const action = closest(event, "[data-action]")?.dataset.action ?? "";
  const filed = closest(event, "[data-file-as]")?.dataset.fileAs;
  if (filed && chosen) file(filed, chosen);
  else if (action === "new-folder") import("./order/dialogs.js").then(({ settings }) => settings());
  else if (action === "open-sidebar") show();
  else if (action === "close-sidebar") hide();
  else if (action === "share-this") openShare(thread.chatId());
  else if (action in rowActions && chosen) {
    byId("row-menu").hidePopover();
    rowActions[action](chosen);
  } else if (narrow.matches && closest(event, ".sidebar a")) hide();
}

/**
 * @param {string} action of `chat.filing`
 * @param {HTMLElement} item
 */
async function file(action, item) {
  byId("row-menu").hidePopover();
  const ids = [item.dataset.chat ?? ""];
  if (action === "move") return (await import("./order/dialogs.js")).move(ids);
  await (await import("./order/filing.js")).act(action, ids);
}

/** @param {HTMLElement} item */
function openMenu(item) {
  chosen = item;
  for (const entry of all("#row-menu [data-when]")) {
    const [, not, mark = ""] = entry.dataset.when?.match(/^(!?)(.*)$/) ?? [];
    entry.hidden = item.hasAttribute(`data-${mark}`) === Boolean(not);
  }
  item.classList.add("menu-open");
  for (const link of all("[data-page]")) link.setAttribute("href", `/c/${item.dataset.chat}${link.dataset.page}`);
  for (const link of all("[data-export]")) {
    link.setAttribute("href", `/api/v1/chats/${item.dataset.chat}${link.dataset.export}`);
  }
}

/** @param {KeyboardEvent} event */
function pressed(event) {
  const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
  const menu = closest(event, ".menu[role='menu']");
  const isInList = event.target === search() || closest(event, "#chat-list a");
  if (!step || (!menu && !isInList)) {
    if (event.key === "Escape" && narrow.matches && !find(":popover-open")) hide();
    return;
  }
  const stops = menu ? all("[role='menuitem']:not([hidden])", menu) : [search(), ...all("a", list())];
  const current = stops.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  stops[(current + step + stops.length) % stops.length].focus();
  event.preventDefault();
}
