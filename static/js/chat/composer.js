// Where one writes. What is written is stored per chat until the server has it: no reload and no failure loses it.
import { ApiError, post, tellRefusal } from "../common/api.js";
import { all, byId, child, clone, closest, find, isComposing } from "../common/dom.js";
import { glide, grow } from "../common/grow.js";
import { newId } from "../common/ids.js";
import { t } from "../common/text.js";
import { toast } from "../common/toast.js";
import * as attachments from "./attachments.js";
import * as picker from "./picker.js";
import * as queue from "./queue.js";
import * as scroll from "./scroll.js";
import * as thread from "./thread.js";

export const area = () => byId("message", HTMLTextAreaElement);
const button = () => byId("send", HTMLButtonElement);
const draftKey = () => `draft:${document.body.dataset.user}:${thread.chatId() ?? "new"}`;
const chips = () => all("[data-feature]");
/** @type {((request: MessageRequest) => void)[]} */
const contributions = [];
let sending = false;
/** @type {Set<string | undefined>} */
const stopped = new Set(); // answers that were stopped here: what is written then is not for their end

/**
 * `add(request)` may put something into each request before it is sent: `request.features`, `request.files`.
 * @param {(request: MessageRequest) => void} add
 */
export const contribute = (add) => contributions.push(add);

/** @type {((request: MessageRequest) => Promise<boolean> | undefined)[]} */
const questions = [];
let asking = false;

/**
 * `ask(request)` may ask the person before a message is sent: whether to; undefined where there is nothing to ask.
 * @param {(request: MessageRequest) => Promise<boolean> | undefined} ask
 */
export const askBefore = (ask) => questions.push(ask);

/** A main part was put in place. */
export function open() {
  area().value = sessionStorage.getItem(draftKey()) ?? "";
  grow(area());
  const wanted = sessionStorage.getItem("features")?.split(" ") ?? [];
  for (const chip of chips()) {
    chip.setAttribute("aria-pressed", String(wanted.includes(chip.dataset.feature ?? "")));
  }
  attachments.open();
  update();
  glide(byId("composer-top"));
  queue.open();
  if (matchMedia("(pointer: fine)").matches && !find("dialog[open]")) area().focus();
}

/** The button sends, or stops the reply that is running. */
export function update() {
  const stops = Boolean(thread.runningId());
  const { dataset } = button();
  dataset.state = stops ? "stop" : "send";
  button().setAttribute("aria-label", (stops ? dataset.labelStop : dataset.labelSend) ?? "");
  const obstacle = attachments.obstacle();
  const isEmpty = !area().value.trim() && attachments.isEmpty();
  button().disabled = !stops && (sending || area().disabled || isEmpty || Boolean(obstacle));
  button().title = stops ? "" : obstacle;
  byId("steer-hint").hidden = !stops || isEmpty;
  byId("fine-print").hidden = stops && !isEmpty;
  attachments.warn();
}

/**
 * Let this text stand in the field, as if it were typed.
 * @param {string} text
 */
export function write(text) {
  area().value = text;
  written();
}

/**
 * Put a text where the cursor is, as if it were typed: it can be undone.
 * @param {string} text
 */
export function insert(text) {
  const field = area();
  const before = field.value.slice(0, field.selectionStart);
  const piece = before && !/\s$/.test(before) ? ` ${text}` : text;
  field.focus();
  // The one way that the browser's undo knows, although it is deprecated.
  if (!document.execCommand("insertText", false, piece))
    field.setRangeText(piece, field.selectionStart, field.selectionEnd, "end");
  written();
}

function written() {
  remember(area().value);
  grow(area());
  update();
}

export function start() {
  attachments.start(() => {
    update();
    scroll.keep();
  });
  queue.start({
    send: (request) => dispatch(request, attachments.entriesOf(request.files)),
    giveBack: (request) => giveBack([request]),
    discard: (files) => files.forEach(attachments.eraseUnsent),
    stop,
  });
  document.addEventListener("thread:changed", () => sending || queue.check());
  document.addEventListener("model:changed", update);
  document.addEventListener("input", ({ target }) => target === area() && written());
  document.addEventListener("submit", (event) => {
    if (event.target !== byId("composer")) return;
    event.preventDefault();
    if (thread.runningId()) stop();
    else submit(area().value);
  });
  document.addEventListener("keydown", (event) => {
    if (event.target !== area() || isComposing(event)) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      submit(area().value, [], { now: event.ctrlKey || event.metaKey });
    } else if (event.key === "ArrowUp" && !area().value) {
      const edit = all(queue.isWaiting() ? "[data-action='edit-queued']" : ".message.user [data-action='edit']").at(-1);
      if (edit) event.preventDefault();
      edit?.click();
    }
  });
  document.addEventListener("click", (event) => {
    const { target } = event;
    if (target instanceof Element && target.matches(".composer, .composer-row")) area().focus();
    const chip = closest(event, "[data-feature]");
    if (!chip) return;
    chip.setAttribute("aria-pressed", String(chip.getAttribute("aria-pressed") !== "true"));
    sessionStorage.setItem("features", features(":not([data-once])").join(" "));
    update();
  });
}

/** The names of the features that pressed chips ask for. */
const features = (which = "*") =>
  chips()
    .filter((chip) => chip.matches(which) && chip.getAttribute("aria-pressed") === "true")
    .map((chip) => chip.dataset.feature ?? "");

/**
 * Send a message; while an answer runs it waits for its turn, unless that is stopped.
 * @param {string} content
 * @param {string[]} [more] features besides those whose chips are pressed
 * @param {object} [how]
 * @param {boolean} [how.now] stop the answer that runs
 */
export async function submit(content, more = [], { now } = {}) {
  if (!content.trim() && attachments.isEmpty()) return;
  if (attachments.obstacle()) return toast(attachments.obstacle());
  if (asking) return;
  const asked = questions.flatMap((ask) => ask(requestOf(content, [], more)) ?? []);
  if (!asked.length) return send(content, more, now); // at once: whoever sends another text puts back what is in the field
  asking = true;
  const answers = await Promise.all(asked).finally(() => {
    asking = false;
  });
  if (answers.includes(false)) return;
  const draft = area().value;
  const sent = send(content, more, now);
  if (draft !== content) write(draft);
  return sent;
}

/**
 * @param {string} content
 * @param {string[]} more
 * @param {boolean} [now]
 */
function send(content, more, now) {
  const waits = sending || Boolean(thread.runningId());
  if (waits && queue.isFull()) return queue.refuse();
  const taken = attachments.take();
  const request = requestOf(content, taken.files, more);
  area().value = "";
  grow(area());
  if (!waits) return dispatch(request, taken.entries, taken);
  document.dispatchEvent(new Event("message:sent"));
  queue.put({ ...request, id: newId() }, { sending, now: now || thread.runningIds().every((id) => stopped.has(id)) });
  taken.done(true);
  written();
}

/**
 * @param {MessageRequest} request
 * @param {attachments.Entry[]} entries its files, as they are shown
 * @param {{ done(isHere: boolean): void, giveBack(): void }} [taken] from the composer
 */
async function dispatch(request, entries, taken) {
  const { content, files } = request;
  sending = true;
  const shownThread = thread.element(); // one may go elsewhere before the response comes
  const isHere = () => shownThread === thread.element();
  const key = draftKey();
  const [chatId, isTemporary] = [thread.chatId(), thread.isTemporary()];
  if (taken) remember(content);
  const bubble = showSending(content, entries);
  update();
  try {
    const { chat } = await deliver(request);
    const here = isHere();
    if (taken && (here || sessionStorage.getItem(key) === content)) sessionStorage.removeItem(key);
    if (here && taken) document.dispatchEvent(new Event("message:sent"));
    if (taken) document.dispatchEvent(new CustomEvent("draft:sent", { detail: chatId ?? "new" }));
    if (here && chat) openNew(chat);
    if (here) remember(area().value); // what was written meanwhile
    taken?.done(here);
    if (!here) return;
    await thread.refresh();
    scroll.toEnd();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    taken?.giveBack();
    if (isHere()) giveBack([{ content, files: taken ? [] : files }, ...queue.takeKept()]);
    else if (taken && !isTemporary) putBackDraft(key, content);
    const again = { label: t("sendAgain"), run: () => submit(area().value) };
    toast(error.message || t("notSent"), error.status || !isHere() ? undefined : again);
  } finally {
    bubble.remove();
    sending = false;
    update();
    queue.check();
  }
}

/**
 * @param {string} content
 * @param {StoredFile[]} files
 * @param {string[]} more
 */
function requestOf(content, files, more) {
  /** @type {MessageRequest} */
  const request = { content, model: picker.model(), features: {}, files };
  for (const name of [...features(), ...more]) request.features[name] = true;
  for (const add of contributions) add(request);
  return request;
}

/** Stop what is being written, or one answer of it. */
export function stop(ids = thread.runningIds()) {
  for (const id of ids) stopped.add(id);
  return Promise.all(ids.map((id) => post(`/api/tasks/stop/${id}`).catch(tellRefusal)));
}

/**
 * → with the chat, where the message opened one.
 * @param {MessageRequest} request
 * @returns {Promise<{ chat?: Chat }>}
 */
const deliver = (request) =>
  thread.ownChat()?.send(request) ??
  (thread.chatId()
    ? post(thread.apiUrl("/messages"), request)
    : post("/api/v1/chats/", { ...request, folder: thread.element().dataset.folder }));

/** @param {Chat} chat */
function openNew(chat) {
  thread.begun();
  Object.assign(thread.element().dataset, { chat: chat.id, url: chat.url });
  history.replaceState({ htmx: true }, "");
  history.pushState({ htmx: true }, "", chat.url);
  document.dispatchEvent(new CustomEvent("chat:opened", { detail: chat }));
}

/**
 * @param {string} content
 * @param {attachments.Entry[]} entries
 */
function showSending(content, entries) {
  const bubble = clone("question-template");
  const text = child(bubble, "[data-text]");
  text.textContent = content;
  text.hidden = !content.trim();
  child(bubble, ".attached").append(...attachments.shadows(entries));
  thread.element().append(bubble);
  scroll.toEnd();
  return bubble;
}

/**
 * Messages that were not sent stand in the field again, before what was written since.
 * @param {{ content: string, files: StoredFile[] }[]} messages
 */
function giveBack(messages) {
  attachments.putBack(messages.flatMap(({ files }) => files));
  const texts = [...messages.map(({ content }) => content), area().value];
  write(texts.filter((text) => text.trim()).join("\n"));
  area().focus();
}

/**
 * Words that were not sent stand in the draft of their chat, which is not shown, before what was written there since.
 * @param {string} key
 * @param {string} content
 */
function putBackDraft(key, content) {
  const since = sessionStorage.getItem(key) ?? "";
  const draft = [content, since].filter((text) => text.trim()).join("\n");
  if (since !== content) sessionStorage.setItem(key, draft);
  if (key === draftKey()) write(sessionStorage.getItem(key) ?? ""); // somebody came back meanwhile
}

/** @param {string} text */
function remember(text) {
  if (text && !thread.isTemporary()) sessionStorage.setItem(draftKey(), text);
  else sessionStorage.removeItem(draftKey());
  document.dispatchEvent(new Event("draft:changed"));
}
