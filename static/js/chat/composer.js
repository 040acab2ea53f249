// Where one writes. What is written is kept per chat until the server has it: no reload and no failure loses it.
import { ApiError, post, tellRefusal } from "../common/api.js";
import { t } from "../common/text.js";
import { toast } from "../common/toast.js";
import * as attachments from "./attachments.js";
import * as picker from "./picker.js";
import * as scroll from "./scroll.js";
import * as thread from "./thread.js";

const area = () => document.getElementById("message");
const button = () => document.getElementById("send");
const draftKey = () => `draft:${document.body.dataset.user}:${thread.chatId() ?? "new"}`;
const chips = () => [...document.querySelectorAll("[data-feature]")];
const contributions = [];
let sending = false;

/** `add(wish)` may put something into each request before it is sent: `wish.features`, `wish.files`. */
export const contribute = (add) => contributions.push(add);

/** A main part was put in place. */
export function open() {
  area().value = sessionStorage.getItem(draftKey()) ?? "";
  grow(area());
  const wanted = sessionStorage.getItem("features")?.split(" ") ?? [];
  for (const chip of chips()) chip.setAttribute("aria-pressed", wanted.includes(chip.dataset.feature));
  attachments.open();
  update();
  if (matchMedia("(pointer: fine)").matches && !document.querySelector("dialog[open]")) area().focus();
}

/** The button sends, or stops the reply that is running. */
export function update() {
  const stop = Boolean(thread.runningId());
  const send = button();
  send.dataset.state = stop ? "stop" : "send";
  send.setAttribute("aria-label", stop ? send.dataset.labelStop : send.dataset.labelSend);
  const nothing = !area().value.trim() && attachments.isEmpty();
  send.disabled = !stop && (sending || area().disabled || nothing || Boolean(attachments.obstacle()));
  send.title = stop ? "" : attachments.obstacle();
  attachments.warn();
}

export function start() {
  attachments.start(update);
  document.addEventListener("model:changed", update);
  document.addEventListener("input", (event) => {
    if (event.target !== area()) return;
    remember(event.target.value);
    grow(event.target);
    update();
  });
  document.addEventListener("submit", (event) => {
    if (event.target.id !== "composer") return;
    event.preventDefault();
    if (thread.runningId()) stop();
    else submit(area().value);
  });
  document.addEventListener("keydown", (event) => {
    if (event.target !== area() || isComposing(event)) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      if (!thread.runningId()) submit(area().value);
    } else if (event.key === "ArrowUp" && !area().value) {
      const edits = document.querySelectorAll(".message.user [data-action='edit']");
      if (edits.length) event.preventDefault();
      edits[edits.length - 1]?.click();
    }
  });
  document.addEventListener("click", (event) => {
    if (event.target.matches(".composer, .composer-row")) area().focus();
    const chip = event.target.closest("[data-feature]");
    if (!chip) return;
    chip.setAttribute("aria-pressed", chip.getAttribute("aria-pressed") !== "true");
    sessionStorage.setItem("features", features(":not([data-once])").join(" "));
    update();
  });
}

/** What the pressed chips ask for. */
const features = (which = "*") =>
  chips()
    .filter((chip) => chip.matches(which) && chip.getAttribute("aria-pressed") === "true")
    .map((chip) => chip.dataset.feature);

/** An input method is at work: Enter belongs to it. Safari says so by key code only. */
export const isComposing = (event) => event.isComposing || event.keyCode === 229;

export async function submit(content) {
  if (sending || (!content.trim() && attachments.isEmpty())) return;
  if (attachments.obstacle()) return toast(attachments.obstacle());
  sending = true;
  const place = thread.element(); // one may go elsewhere before the answer comes
  const key = draftKey();
  remember(content);
  const taken = attachments.take();
  const bubble = showSending(content, taken.files);
  area().value = "";
  grow(area());
  update();
  try {
    const wish = { model: picker.model(), features: Object.fromEntries(features().map((name) => [name, true])) };
    wish.files = taken.files.map(({ data }) => data);
    for (const add of contributions) add(wish);
    const started = await deliver({ content, ...wish });
    sessionStorage.removeItem(key);
    const here = place === thread.element();
    if (here) document.dispatchEvent(new Event("message:sent"));
    if (here && started.chat) openNew(started.chat);
    if (here) remember(area().value); // what was written meanwhile
    taken.done(here);
    if (!here) return;
    await thread.refresh();
    scroll.toEnd();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    taken.giveBack();
    if (place === thread.element()) giveBack(content);
    toast([error.message || t("noAnswer"), t("sendFailed")].join(" "));
  } finally {
    bubble.remove();
    sending = false;
    update();
  }
}

export async function stop() {
  const id = thread.runningId();
  if (id) await post(`/api/tasks/stop/${id}`).catch(tellRefusal);
}

function deliver(message) {
  return (
    thread.ownChat()?.ask(message) ?? post(thread.chatId() ? thread.apiUrl("/messages") : "/api/v1/chats/", message)
  );
}

function openNew(chat) {
  document.getElementById("welcome")?.remove();
  Object.assign(thread.element().dataset, { chat: chat.id, url: chat.url });
  history.replaceState({ htmx: true }, "");
  history.pushState({ htmx: true }, "", chat.url);
  document.dispatchEvent(new CustomEvent("chat:opened", { detail: chat }));
}

function showSending(content, files) {
  const bubble = document.getElementById("question-template").content.firstElementChild.cloneNode(true);
  bubble.querySelector("[data-text]").textContent = content;
  bubble.querySelector("[data-text]").hidden = !content.trim();
  bubble.querySelector(".attached").append(...attachments.shadows(files));
  thread.element().append(bubble);
  document.getElementById("welcome")?.classList.add("leaving");
  scroll.toEnd();
  return bubble;
}

function giveBack(content) {
  document.getElementById("welcome")?.classList.remove("leaving");
  area().value = area().value ? `${content}\n${area().value}` : content;
  remember(area().value);
  grow(area());
}

function remember(text) {
  if (text && !thread.isTemporary()) sessionStorage.setItem(draftKey(), text);
  else sessionStorage.removeItem(draftKey());
}

/** Browsers without `field-sizing` need the height said. */
export function grow(field) {
  if (CSS.supports("field-sizing", "content")) return;
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight}px`;
}
