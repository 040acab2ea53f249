// The list of chats: where we are, rename, delete with a way back, the drawer on small screens.
import { part, patch, post, remove, tellRefusal } from "../common/api.js";
import { setCookie } from "../common/cookies.js";
import { on } from "../common/socket.js";
import { t } from "../common/text.js";
import { toast } from "../common/toast.js";
import * as replies from "./replies.js";
import { openShare } from "./share.js";
import * as thread from "./thread.js";

const narrow = matchMedia("(max-width: 48rem)");
const list = () => document.getElementById("chat-list");
const search = () => document.getElementById("search");
const row = (id) => list().querySelector(`.chat-row[data-chat="${id}"]`);
let chosen; // the row whose menu is open

export function start() {
  on("chat:list", refresh);
  on("chat:title", ({ chat_id: id }, { title }) => {
    showTitle(id, title);
    if (!row(id)) refresh(); // a list that is on its way may be older than this title
  });
  on("open", ({ again }) => again && refresh());
  document.addEventListener("chat:opened", ({ detail: chat }) => showTitle(chat.id, chat.title));
  document.addEventListener("click", clicked);
  document.addEventListener("keydown", pressed);
  document.getElementById("row-menu").addEventListener("toggle", menuToggled);
  list().addEventListener("htmx:afterSettle", mark);
}

/** Where we are, and which replies are running. */
export function mark() {
  const id = thread.chatId();
  for (const item of list().querySelectorAll(".chat-row")) {
    const link = item.querySelector("a");
    if (item.dataset.chat === id) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    item.classList.toggle("running", replies.isRunning(item.dataset.chat));
  }
}

let refreshing; // the newest round: what an older one brings is not shown

/** The list as it is now, unless somebody is renaming in it. */
export function refresh() {
  clearTimeout(refreshing);
  const round = setTimeout(async () => {
    if (list().querySelector("form")) return refresh();
    const html = await part(`/sidebar?q=${encodeURIComponent(search().value)}`).catch(() => undefined);
    if (html === undefined || round !== refreshing) return; // after a failure the next event, or connection, asks again
    list().innerHTML = html;
    window.htmx?.process(list());
    mark();
  }, 50);
  refreshing = round;
}

function showTitle(id, title) {
  const name = row(id)?.querySelector(".chat-name");
  if (name) name.textContent = title || t("newChat");
  if (thread.chatId() !== id) return;
  document.title = document.title.replace(/^.* · /, () => `${title || t("newChat")} · `);
  document.getElementById("chat-title").textContent = title || t("newChat");
}

// --- One chat ----------------------------------------------------------------------------------------------------------

function menuToggled(event) {
  if (event.newState === "open") event.target.querySelector("button").focus();
  else chosen?.classList.remove("menu-open");
}

function rename(item) {
  const link = item.querySelector("a");
  const form = document.createElement("form");
  const input = Object.assign(document.createElement("input"), { value: link.querySelector(".chat-name").textContent });
  input.maxLength = 200;
  input.setAttribute("aria-label", t("rename"));
  form.append(input);
  link.hidden = true;
  item.prepend(form);
  input.select();
  let over = false;
  const end = (save) => {
    if (over) return;
    over = true;
    const title = input.value.trim();
    form.remove();
    link.hidden = false;
    link.focus();
    if (!save || !title || title === link.querySelector(".chat-name").textContent) return;
    showTitle(item.dataset.chat, title);
    attempt(patch(`/api/v1/chats/${item.dataset.chat}`, { title }));
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

async function removeChat(item) {
  const id = item.dataset.chat;
  if (!(await attempt(remove(`/api/v1/chats/${id}`)))) return;
  const next = (item.nextElementSibling ?? item.previousElementSibling)?.querySelector("a");
  item.remove();
  (next ?? search()).focus();
  if (thread.chatId() === id) document.querySelector(".new-chat").click();
  toast(t("deleted"), {
    label: t("undo"),
    run: async () => (await attempt(post(`/api/v1/chats/${id}/restore`))) && refresh(),
  });
}

const rowActions = { rename, delete: removeChat, share: (item) => openShare(item.dataset.chat) };

async function attempt(promise) {
  try {
    await promise;
    return true;
  } catch (error) {
    tellRefusal(error);
    refresh();
    return false;
  }
}

// --- The drawer, and keys ----------------------------------------------------------------------------------------------

export function show() {
  if (narrow.matches) {
    document.body.classList.add("drawer-open");
    document.getElementById("main").inert = true;
    document.querySelector(".sidebar-top button").focus();
  } else setClosed(false);
}

export function hide() {
  if (!narrow.matches) return setClosed(true);
  if (!document.body.classList.contains("drawer-open")) return;
  document.body.classList.remove("drawer-open");
  document.getElementById("main").inert = false;
  document.querySelector(".open-sidebar").focus();
}

function setClosed(closed) {
  document.body.classList.toggle("sidebar-closed", closed);
  setCookie("sidebar", closed ? "closed" : "open");
  document.querySelector(closed ? ".open-sidebar" : ".sidebar-top button").focus();
}

export function focusSearch() {
  if (narrow.matches || document.body.classList.contains("sidebar-closed")) show();
  search().focus();
  search().select();
}

function clicked(event) {
  const more = event.target.closest(".row-more");
  if (more) {
    chosen = more.closest(".chat-row");
    chosen.classList.add("menu-open");
    for (const link of document.querySelectorAll("[data-export]")) {
      link.href = `/api/v1/chats/${chosen.dataset.chat}${link.dataset.export}`;
    }
  }
  if (event.target.closest("[data-export]")) document.getElementById("row-menu").hidePopover();
  const action = event.target.closest("[data-action]")?.dataset.action;
  if (action === "open-sidebar") show();
  else if (action === "close-sidebar") hide();
  else if (action === "share-this") openShare(thread.chatId());
  else if (action in rowActions) {
    document.getElementById("row-menu").hidePopover();
    rowActions[action](chosen);
  } else if (narrow.matches && event.target.closest(".sidebar a")) hide();
}

function pressed(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const menu = event.target.closest(".menu[role='menu']");
  const inList = event.target === search() || event.target.closest("#chat-list a");
  if (!step || (!menu && !inList)) {
    if (event.key === "Escape" && narrow.matches && !document.querySelector(":popover-open")) hide();
    return;
  }
  const stops = menu ? [...menu.querySelectorAll("[role='menuitem']")] : [search(), ...list().querySelectorAll("a")];
  stops[(stops.indexOf(document.activeElement) + step + stops.length) % stops.length].focus();
  event.preventDefault();
}
