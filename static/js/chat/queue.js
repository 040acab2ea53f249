// What is written while an answer runs: it stands above the field until its turn comes, can be changed, moved, sent at once
// or taken away. The server has the queue of a stored chat and sends it. This page alone keeps one message of a chat that
// is temporary or not there yet, and sends it by itself.
import { ApiError, get, patch, post, remove, tellRefusal } from "../common/api.js";
import { all, byId, child, clone, closest, partOf } from "../common/dom.js";
import { newId } from "../common/ids.js";
import { inRounds } from "../common/rounds.js";
import * as socket from "../common/socket.js";
import { t } from "../common/text.js";
import { announce, toast } from "../common/toast.js";
import * as thread from "./thread.js";

const NEW = "new";
const GONE = [404, 409]; // it was sent, or is there already: the queue itself says so
const UNANSWERED = ["failed", "interrupted"]; // after these the next message is for the person to send

/** @type {Map<string, string>} */
const unsaved = new Map(); // of temporary chats: nothing of them is stored
/** @type {QueuedMessage[]} */
let rows = []; // the server's, of the chat that is shown
/** @type {{ chat: string | undefined, position: number } | undefined} */
let vacant; // where the message stood that is being changed

/** @param {string | undefined} [chat] an id */
const keyOf = (chat = thread.chatId() ?? NEW) => `queue:${document.body.dataset.user}:${chat}`;
const isStored = () => Boolean(thread.chatId()) && !thread.isTemporary();
const url = (id = "", rest = "") => thread.apiUrl(`/queue/${id}${rest}`);

/**
 * @param {string} key
 * @returns {MessageRequest | undefined}
 */
function requestIn(key) {
  const stored = unsaved.get(key) ?? sessionStorage.getItem(key);
  return stored ? JSON.parse(stored) : undefined;
}

/**
 * @param {string} key
 * @param {MessageRequest | undefined} request
 */
function keep(key, request) {
  unsaved.delete(key);
  sessionStorage.removeItem(key);
  if (request && key.includes(thread.LOCAL)) unsaved.set(key, JSON.stringify(request));
  else if (request) sessionStorage.setItem(key, JSON.stringify(request));
}

/** What this page keeps for the chat that is shown, none or one; it waits no more. */
export function takeKept() {
  const request = requestIn(keyOf());
  keep(keyOf(), undefined);
  show();
  return request ? [request] : [];
}

/**
 * @typedef {object} Composer
 * @property {(request: MessageRequest) => void} send
 * @property {(request: MessageRequest) => void} giveBack let it be changed in the field
 * @property {(files: StoredFile[]) => void} discard
 * @property {() => Promise<unknown>} stop
 */
/** @type {Composer} */
let composer;

/** @param {Composer} its */
export function start(its) {
  composer = its;
  document.addEventListener("chat:opened", ({ detail: chat }) => {
    const request = requestIn(keyOf(NEW));
    keep(keyOf(NEW), undefined);
    if (request) keep(keyOf(chat.id), request);
    rows = [];
  });
  document.addEventListener("click", (event) => {
    const action = closest(event, "#queued [data-action]")?.dataset.action;
    const id = closest(event, ".queued-row")?.dataset.id ?? rows[0]?.id;
    if (action) act(action, id);
  });
  socket.on("chat:queue", ({ chat_id: id }) => id === thread.chatId() && load());
  socket.onOpen(({ again }) => again && load());
}

/** A main part was put in place: it says what the server has. */
export function open() {
  const { queue } = byId("composer").dataset;
  rows = queue ? JSON.parse(queue) : [];
  vacant = undefined;
  check();
}

/** Whether a message waits in the chat that is shown. */
export const isWaiting = () => Boolean(rows.length || requestIn(keyOf()));

/** Whether there is no room for another one. */
export const isFull = () => Boolean(requestIn(keyOf()));

/** Ask for what the server has now. */
export const load = inRounds(fetchRows, show);

async function fetchRows() {
  const chat = thread.chatId();
  if (!isStored()) return;
  const queue = await get(url()).catch(() => undefined); // the next event, or connection, asks again
  if (queue && chat === thread.chatId()) rows = queue.results;
}

/**
 * Let a message wait. `now`: it does not wait for the end of the answer, which is stopped.
 * @param {MessageRequest & { id: string }} request
 * @param {object} how
 * @param {boolean} how.sending another one is on its way to the server: this one stays here until it has arrived
 * @param {boolean} [how.now]
 */
export async function put(request, { sending, now }) {
  if (!isStored() || sending) {
    keep(keyOf(), request);
    show();
    announce(t("queued"));
    if (now) await composer.stop();
    return;
  }
  const position = vacant?.chat === thread.chatId() ? vacant?.position : undefined;
  vacant = undefined;
  const row = { is_held: Boolean(rows[0]?.is_held), is_urgent: false, error: null, ...request };
  rows = rows.toSpliced(position ?? rows.length, 0, row);
  show();
  announce(t("queued"));
  const chat = thread.chatId();
  try {
    await post(url(), { ...request, ...(position === undefined ? {} : { position }) }, {}, { keepalive: true });
    if (now && chat === thread.chatId()) await post(url(request.id, "/send"));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.code === "queued_not_found" || error.code === "id_taken") return load(); // it was sent already
    if (chat !== thread.chatId()) return keep(keyOf(chat), request); // it goes when somebody opens that chat
    rows = rows.filter(({ id }) => id !== request.id);
    composer.giveBack(request);
    toast(error.message || t("notSent"));
    show();
  }
  load();
}

/** Say that there is room for one only. */
export function refuse() {
  partOf(byId("queued"), "note").textContent = t("oneWaits");
  announce(t("oneWaits"));
}

/**
 * What this page keeps goes to the server once its chat is there. That of a temporary chat is sent once nothing runs there.
 * What waited for a chat that never opened would be without its context in another: the person sends it.
 */
export function check() {
  show();
  const request = requestIn(keyOf());
  if (!request) return;
  if (isStored()) {
    keep(keyOf(), undefined);
    put({ ...request, id: request.id ?? newId() }, { sending: false });
  } else if (!thread.runningId() && thread.isSettled()) {
    takeKept();
    if (!thread.chatId() || UNANSWERED.includes(thread.lastStatus() ?? "")) composer.giveBack(request);
    else composer.send(request);
  }
}

/** A reply of the chat that is shown is over: the server may have held the queue since. */
export const answerEnded = () => rows.length && load();

/**
 * @param {string} action
 * @param {string | undefined} id
 */
async function act(action, id) {
  const index = rows.findIndex((row) => row.id === id);
  const row = rows[index];
  if (!row) return actOnKept(action);
  try {
    if (action === "send-queued") {
      await post(url(row.id, "/send"));
      announce(t("sentNow"));
    } else if (action === "raise-queued") {
      await patch(url(row.id), { position: index - 1 });
      rows = rows.toSpliced(index, 1).toSpliced(index - 1, 0, row);
      show();
      const moved = all(".queued-row", byId("queued"))[index - 1];
      child(moved, index > 1 ? "[data-action='raise-queued']" : "[data-action='edit-queued']").focus();
      announce(t("movedUp", { n: index }));
    } else await take(row, index, action === "edit-queued");
  } catch (error) {
    if (!(error instanceof ApiError && GONE.includes(error.status))) return tellRefusal(error);
    toast(error.message);
    thread.refresh();
  }
  load();
}

/**
 * Take a message out of the queue: into the field, or away.
 * @param {QueuedMessage} row
 * @param {number} index
 * @param {boolean} changes
 */
async function take(row, index, changes) {
  await remove(url(row.id));
  rows = rows.filter(({ id }) => id !== row.id);
  show();
  if (changes) {
    vacant = { chat: thread.chatId(), position: index };
    composer.giveBack(row);
  } else {
    composer.discard(row.files);
    announce(t("queueCleared"));
    byId("message").focus();
  }
}

/** @param {string} action */
function actOnKept(action) {
  if (action === "send-queued") return composer.stop(); // it goes when nothing runs
  const [request] = takeKept();
  if (!request) return;
  if (action === "edit-queued") return composer.giveBack(request);
  composer.discard(request.files);
  announce(t("queueCleared"));
  byId("message").focus();
}

function show() {
  const box = byId("queued");
  const own = requestIn(keyOf());
  const shown = [...rows, ...(own ? [own] : [])];
  box.hidden = !shown.length;
  const held = Boolean(rows[0]?.is_held) && !thread.runningId();
  const reason = rows[0]?.error?.message;
  partOf(box, "note").textContent =
    held && reason ? t("refused", { reason }) : t(held ? "held" : shown.length > 1 ? "inOrder" : "queued");
  box.toggleAttribute("data-held", held);
  partOf(box, "send").hidden = !held;
  arrange(child(box, "ol"), shown.map(elementOf));
}

/**
 * @param {MessageRequest} row
 * @param {number} index
 */
function elementOf(row, index) {
  const shown = all(".queued-row", byId("queued")).find(({ dataset }) => dataset.id === row.id);
  const element = shown ?? clone("queued-template");
  element.dataset.id = row.id;
  partOf(element, "text").textContent = row.content || row.files.map(({ name }) => name).join(", ");
  const count = partOf(element, "files");
  count.hidden = !row.files.length || !row.content;
  count.textContent = t("withFiles", { n: row.files.length });
  child(element, "[data-action='raise-queued']").hidden = !index || !rows.includes(/** @type {QueuedMessage} */ (row));
  return element;
}

/**
 * @param {HTMLElement} list
 * @param {HTMLElement[]} elements
 */
function arrange(list, elements) {
  const { children } = list;
  if (children.length === elements.length && elements.every((element, index) => element === children[index])) return;
  const focused = document.activeElement;
  const held = list.contains(focused);
  list.replaceChildren(...elements);
  if (!held || !(focused instanceof HTMLElement)) return;
  (list.contains(focused) ? focused : byId("message")).focus();
}
