// Replies that are being written: their numbered events become one text, shown where its message stands. A gap in the
// numbers, a new socket, a message that was already growing when we came, or a long silence asks the server for the whole
// (`resume`).
import { partOf } from "../common/dom.js";
import { on, onOpen, send } from "../common/socket.js";
import { t } from "../common/text.js";
import * as markdown from "./markdown/render.js";
import { showSources } from "./sources.js";
import { showFiles, showStatus } from "./status.js";

const SILENT = 15_000; // milliseconds without an event after which a reply is asked for: its end may have been lost
const LOOK_EVERY = 5_000;
const NEAR = 24; // pixels from the end of the thoughts that still count as their end
const LONGEST_LINE = 160; // characters

/** @type {Map<string, Reply>} */
const replies = new Map(); // by message id
const ended = new Set(); // ids whose end was seen; a late event of theirs starts nothing
let whenEnded = (/** @type {Reply} */ _reply) => {};
let whenChanged = () => {};

/**
 * @param {object} listeners
 * @param {(reply: Reply) => void} listeners.onEnd called when a reply is over
 * @param {() => void} listeners.onChange called when one starts or ends
 */
export function listen({ onEnd, onChange }) {
  whenEnded = onEnd;
  whenChanged = onChange;
  on("*", receive);
  onOpen(() => {
    for (const reply of replies.values()) {
      if (reply.requested) reply.missed = true;
      else askForAll(reply);
    }
  });
  setInterval(askForSilent, LOOK_EVERY);
}

/** @param {string | undefined} chatId */
export const isRunning = (chatId) => [...replies.values()].some((reply) => reply.chatId === chatId);
/** @param {string} id */
export const get = (id) => replies.get(id);
/** @param {string} id */
export const hasEnded = (id) => ended.has(id);
/**
 * An answer that had ended is written on.
 * @param {string} id
 */
export const goesOn = (id) => ended.delete(id);

/**
 * A message element that is still growing: show what we know of it, and ask for what we missed.
 * @param {HTMLElement} article
 * @param {string | undefined} chatId
 */
export function adopt(article, chatId) {
  const id = article.dataset.message ?? "";
  if (ended.has(id)) return; // the page that brought this element is older than the end; a newer one is on its way
  let reply = replies.get(id);
  if (!reply) {
    reply = start(id, chatId);
    askForAll(reply);
  }
  reply.shown = undefined;
  schedule(reply);
}

/**
 * A reply that is being asked for, by a page that keeps its chat itself: → `{ begun, failed }`, to be called then.
 * @param {string} id
 * @param {string | undefined} chatId
 */
export function expect(id, chatId) {
  const reply = start(id, chatId);
  reply.requested = true;
  return {
    begun() {
      reply.requested = false;
      reply.lastHeard = Date.now();
      if (reply.missed) askForAll(reply);
    },
    failed() {
      replies.delete(id);
      whenChanged();
    },
  };
}

/**
 * @param {string} id
 * @param {string | undefined} chatId
 */
function start(id, chatId) {
  /** @type {Reply} */
  const reply = {
    id,
    chatId,
    seq: 0,
    content: "",
    reasoning: "",
    steps: [],
    files: [],
    waiting: false,
    drawing: false,
    lastHeard: Date.now(),
  };
  replies.set(id, reply);
  whenChanged();
  return reply;
}

function askForSilent() {
  for (const reply of replies.values()) {
    if (!reply.requested && Date.now() - reply.lastHeard >= SILENT) askForAll(reply);
  }
}

/** @param {Reply} reply */
function askForAll(reply) {
  reply.lastHeard = Date.now();
  reply.waiting = send({ type: "resume", message_id: reply.id, seq: reply.seq });
}

/** @param {SocketEvent} event */
function receive({ chat_id: chatId, message_id: id, seq = 0, data: { type, data = {} } }) {
  if (!id || ended.has(id)) return;
  let reply = replies.get(id);
  if (type === "snapshot") {
    reply ??= start(id, chatId);
    const { content = "", reasoning = "", files = [], status_history: steps = [] } = data;
    Object.assign(reply, { seq, content, reasoning, files, steps, waiting: false, lastHeard: Date.now() });
    return data.done ? end(reply, data) : schedule(reply);
  }
  if (type === "error") return reply && data.code === "message_not_found" && end(reply, { status: "interrupted" });
  if (!reply && seq === 1) reply = start(id, chatId);
  if (!reply || reply.waiting || seq <= reply.seq) return;
  if (seq !== reply.seq + 1) return askForAll(reply);
  reply.seq = seq;
  reply.lastHeard = Date.now();
  apply(reply, type, data);
}

/**
 * @param {Reply} reply
 * @param {string} type
 * @param {SocketData} data
 */
function apply(reply, type, data) {
  const { content = "" } = data;
  if (type === "chat:completion") {
    if (data.reasoning) addThoughts(reply, data.reasoning);
    if (content) addContent(reply, content);
    if (data.done) return end(reply, data);
  } else if (type === "status") reply.steps.push(/** @type {Step} */ (data));
  else if (type === "files") reply.files = data.files ?? [];
  else if (type === "message") addContent(reply, content);
  else if (type === "replace") reply.content = content;
  schedule(reply);
}

/**
 * @param {Reply} reply
 * @param {string} text
 */
function addThoughts(reply, text) {
  reply.thinkingSince ??= performance.now();
  reply.reasoning += text;
}

/**
 * @param {Reply} reply
 * @param {string} text
 */
function addContent(reply, text) {
  if (reply.thinkingSince) {
    reply.thoughtFor ??= Math.max(1, Math.round((performance.now() - reply.thinkingSince) / 1000));
  }
  reply.content += text;
}

/**
 * @param {Reply} reply
 * @param {SocketData} data
 */
function end(reply, { status, error, usage }) {
  replies.delete(reply.id);
  ended.add(reply.id);
  Object.assign(reply, { status, error, usage, drawn: show(reply) });
  whenChanged();
  whenEnded(reply);
}

/**
 * One drawing per frame, and on a slow machine fewer: a drawing may take a quarter of the time.
 * @param {Reply} reply
 */
function schedule(reply) {
  if (reply.drawing) return;
  reply.drawing = true;
  requestAnimationFrame(async () => {
    await markdown.ready();
    const began = performance.now();
    show(reply);
    const pause = 3 * (performance.now() - began);
    setTimeout(() => {
      reply.drawing = false;
      if (reply.shown !== reply.seq && replies.has(reply.id)) schedule(reply);
    }, pause);
  });
}

/** @param {Reply} reply */
async function show(reply) {
  await markdown.ready();
  reply.shown = reply.seq;
  const article = document.getElementById(`m-${reply.id}`);
  if (!article || !["pending", "streaming"].includes(article.dataset.status ?? "")) return; // the server's own came first
  const over = ended.has(reply.id);
  article.dataset.status = over ? "done" : reply.content || reply.reasoning ? "streaming" : "pending";
  showStatus(partOf(article, "status"), reply.steps, over);
  showFiles(article, reply.files);
  showSources(article, reply.steps);
  showThoughts(article, reply);
  const body = partOf(article, "body");
  markdown.draw(body, reply.content, { prefix: `${reply.id}-` });
  body.toggleAttribute("data-live", !over && !(reply.reasoning && !reply.content));
  if (over) article.dataset.shown = "final";
}

/**
 * @param {HTMLElement} article
 * @param {Reply} reply
 */
function showThoughts(article, { id, reasoning, content, thoughtFor }) {
  if (!reasoning) return;
  partOf(article, "reasoning").hidden = false;
  const box = partOf(article, "reasoning-text");
  const isOpen = partOf(article, "reasoning", HTMLDetailsElement).open;
  const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR;
  markdown.draw(box, reasoning, { prefix: `t-${id}-`, asSteps: true });
  if (content && !isOpen)
    box.scrollTop = 0; // whoever opens them afterwards reads them from their head
  else if (atEnd) box.scrollTop = box.scrollHeight;
  partOf(article, "reasoning-now").textContent = content ? "" : (lastLine(box) ?? "");
  const label = content ? thoughtFor && t("thoughtFor", { n: thoughtFor }) : t("thinking");
  if (label) partOf(article, "reasoning-label").textContent = label;
}

/**
 * What a closed box of thoughts shows of them while they come: their end, as a line.
 * @param {HTMLElement} box
 */
const lastLine = (box) => box.textContent.trim().split("\n").at(-1)?.slice(-LONGEST_LINE);
