// The next message, written while an answer runs: it stands above the field until that answer is over, can be changed or
// taken away, and is sent by itself. One for each chat, which a reload and a look at another chat do not lose.
import { byId, child, closest, partOf } from "../common/dom.js";
import { t } from "../common/text.js";
import { announce } from "../common/toast.js";
import * as thread from "./thread.js";

const NEW = "new";
const UNANSWERED = ["failed", "interrupted"]; // after these the next message is for the person to send

/** @type {Map<string, string>} */
const unsaved = new Map(); // of temporary chats: nothing of them is stored

/** @param {string | undefined} [chat] an id */
const keyOf = (chat = thread.chatId() ?? NEW) => `queue:${document.body.dataset.user}:${chat}`;

/**
 * @param {string} key
 * @returns {MessageRequest | undefined}
 */
function get(key) {
  const stored = unsaved.get(key) ?? sessionStorage.getItem(key);
  return stored ? JSON.parse(stored) : undefined;
}

/**
 * @param {string} key
 * @param {MessageRequest | undefined} request
 */
function set(key, request) {
  unsaved.delete(key);
  sessionStorage.removeItem(key);
  if (request && key.includes(thread.LOCAL)) unsaved.set(key, JSON.stringify(request));
  else if (request) sessionStorage.setItem(key, JSON.stringify(request));
}

/** @param {string} key */
function take(key) {
  const request = get(key);
  set(key, undefined);
  return request;
}

/**
 * @param {object} composer
 * @param {(request: MessageRequest) => void} composer.send
 * @param {(request: MessageRequest) => void} composer.giveBack let it be changed in the field
 * @param {(request: MessageRequest) => void} composer.discard
 */
export function start({ send, giveBack, discard }) {
  document.addEventListener("chat:opened", ({ detail: chat }) =>
    set(keyOf(chat.id), take(keyOf(NEW)) ?? get(keyOf(chat.id))),
  );
  document.addEventListener("click", (event) => {
    const action = closest(event, "#queued [data-action]")?.dataset.action;
    const [request] = action ? takeWaiting() : [];
    if (!request) return;
    if (action === "edit-queued") giveBack(request);
    else {
      discard(request);
      announce(t("queueCleared"));
      byId("message").focus();
    }
  });
  whenFree = send;
  whenUnanswered = giveBack;
}

let whenFree = (/** @type {MessageRequest} */ _request) => {};
let whenUnanswered = whenFree;

/** The waiting message of the chat that is shown. */
export const waiting = () => get(keyOf());

/** What waits in the chat that is shown, none or one; it waits no more. */
export function takeWaiting() {
  const request = take(keyOf());
  show();
  return request ? [request] : [];
}

/**
 * Let a message wait.
 * @param {MessageRequest} request
 */
export function put(request) {
  set(keyOf(), request);
  show();
  announce(t("queued"));
}

/**
 * A message that could not be sent while its chat was not shown waits there again, before what was put there since.
 * @param {string | undefined} chat an id
 * @param {MessageRequest} request
 */
export function putBack(chat, request) {
  const since = get(keyOf(chat));
  const content = [request.content, since?.content ?? ""].filter((text) => text.trim()).join("\n");
  const both = since && { ...since, content, files: [...request.files, ...since.files] };
  set(keyOf(chat), both ?? request);
  show();
}

/** Say that there is room for one only. */
export function refuse() {
  partOf(byId("queued"), "note").textContent = t("oneWaits");
  announce(t("oneWaits"));
}

/**
 * Send what waits in the chat that is shown, once nothing runs there any more. What waited for a chat that never opened
 * would be without its context in another: the person sends it.
 */
export function check() {
  show();
  if (thread.runningId() || !thread.isSettled()) return;
  const [request] = takeWaiting();
  if (!request) return;
  if (!thread.chatId() || UNANSWERED.includes(thread.lastStatus() ?? "")) whenUnanswered(request);
  else whenFree(request);
}

/**
 * What waits in a chat that is not shown, whose reply is over now. A temporary chat that is not shown is over: the server
 * has nothing of it that a message could be added to.
 * @param {Reply} reply
 */
export function takeOf({ chatId, status }) {
  const isElsewhere = chatId && chatId !== thread.chatId() && !chatId.startsWith(thread.LOCAL);
  return isElsewhere && !UNANSWERED.includes(status ?? "") ? take(keyOf(chatId)) : undefined;
}

function show() {
  const box = byId("queued");
  const request = waiting();
  box.hidden = !request;
  if (!request) return;
  partOf(box, "note").textContent = t("queued");
  partOf(box, "text").textContent = request.content || request.files.map(({ name }) => name).join(", ");
  const count = child(box, "[data-part='files']");
  count.hidden = !request.files.length || !request.content;
  count.textContent = t("withFiles", { n: request.files.length });
}
