// Replies that are being written: their numbered events become one text, shown where its message stands. A gap in the numbers,
// a new socket, a message that was already growing when we came, or a long silence asks the server for the whole (`resume`).

import { on, send } from "../common/socket.js";
import { t } from "../common/text.js";
import * as markdown from "./markdown/render.js";
import { showSources } from "./sources.js";
import { showFiles, showStatus } from "./status.js";

const SILENT = 15_000; // milliseconds without an event after which a reply is asked for: its end may have been lost
const LOOK_EVERY = 5_000;

const replies = new Map(); // message id → reply
const ended = new Set(); // ids whose end was seen; a late event of theirs starts nothing
let whenEnded = () => {};
let whenChanged = () => {};

/** `onEnd(reply, chatId)` runs when a reply is over, `onChange()` when one starts or ends. */
export function listen({ onEnd, onChange }) {
  whenEnded = onEnd;
  whenChanged = onChange;
  on("*", receive);
  on("open", () => {
    for (const reply of replies.values()) {
      if (reply.asking) reply.missed = true;
      else askForAll(reply);
    }
  });
  setInterval(askForSilent, LOOK_EVERY);
}

export const isRunning = (chatId) => [...replies.values()].some((reply) => reply.chatId === chatId);
export const get = (id) => replies.get(id);
export const hasEnded = (id) => ended.has(id);

/** A message element that is still growing: show what we know of it, and ask for what we missed. */
export function adopt(article, chatId) {
  const id = article.dataset.message;
  if (ended.has(id)) return; // the page that brought this element is older than the end; a newer one is on its way
  let reply = replies.get(id);
  if (!reply) {
    reply = start(id, chatId);
    askForAll(reply);
  }
  reply.shown = undefined;
  schedule(reply);
}

/** A reply that is being asked for, by a page that keeps its chat itself: → `{ begun, failed }`, to be called then. */
export function expect(id, chatId) {
  const reply = start(id, chatId);
  reply.asking = true;
  return {
    begun() {
      reply.asking = false;
      reply.heard = Date.now();
      if (reply.missed) askForAll(reply);
    },
    failed() {
      replies.delete(id);
      whenChanged();
    },
  };
}

function start(id, chatId) {
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
    heard: Date.now(),
  };
  replies.set(id, reply);
  whenChanged();
  return reply;
}

function askForAll(reply) {
  reply.heard = Date.now();
  reply.waiting = send({ type: "resume", message_id: reply.id, seq: reply.seq });
}

function askForSilent() {
  for (const reply of replies.values()) {
    if (!reply.asking && Date.now() - reply.heard >= SILENT) askForAll(reply);
  }
}

function receive({ chat_id: chatId, message_id: id, seq, data: { type, data } }) {
  if (!id || ended.has(id)) return;
  let reply = replies.get(id);
  if (type === "snapshot") {
    reply ??= start(id, chatId);
    Object.assign(reply, { seq, content: data.content, reasoning: data.reasoning ?? "", files: data.files ?? [] });
    Object.assign(reply, { steps: data.status_history ?? [], waiting: false, heard: Date.now() });
    return data.done ? end(reply, data) : schedule(reply);
  }
  if (type === "error") return reply && data.code === "message_not_found" && end(reply, { status: "interrupted" });
  if (!reply && seq === 1) reply = start(id, chatId);
  if (!reply || reply.waiting || seq <= reply.seq) return;
  if (seq !== reply.seq + 1) return askForAll(reply);
  reply.seq = seq;
  reply.heard = Date.now();
  apply(reply, type, data);
}

function apply(reply, type, data) {
  if (type === "chat:completion") {
    if (data.reasoning) think(reply, data.reasoning);
    if (data.content) say(reply, data.content);
    if (data.done) return end(reply, data);
  } else if (type === "status") reply.steps.push(data);
  else if (type === "files") reply.files = data.files;
  else if (type === "message") say(reply, data.content);
  else if (type === "replace") reply.content = data.content;
  schedule(reply);
}

function think(reply, text) {
  reply.thinkingSince ??= performance.now();
  reply.reasoning += text;
}

function say(reply, text) {
  if (reply.thinkingSince)
    reply.thoughtFor ??= Math.max(1, Math.round((performance.now() - reply.thinkingSince) / 1000));
  reply.content += text;
}

function end(reply, { status, error, usage }) {
  replies.delete(reply.id);
  ended.add(reply.id);
  Object.assign(reply, { status, error, usage, drawn: show(reply) });
  whenChanged();
  whenEnded(reply);
}

/** One drawing per frame, and on a slow machine fewer: a drawing may take a quarter of the time. */
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

async function show(reply) {
  await markdown.ready();
  reply.shown = reply.seq;
  const article = document.getElementById(`m-${reply.id}`);
  if (!["pending", "streaming"].includes(article?.dataset.status)) return; // the server's own version came first
  const over = ended.has(reply.id);
  const part = (name) => article.querySelector(`[data-part="${name}"]`);
  article.dataset.status = over ? "done" : reply.content || reply.reasoning ? "streaming" : "pending";
  showStatus(part("status"), reply.steps, over);
  showFiles(article, reply.files);
  showSources(article, reply.steps);
  showThoughts(reply, part);
  const body = part("body");
  markdown.draw(body, reply.content);
  body.toggleAttribute("data-live", !over && !(reply.reasoning && !reply.content));
  if (over) article.dataset.shown = "final";
}

function showThoughts(reply, part) {
  if (!reply.reasoning) return;
  part("reasoning").hidden = false;
  part("reasoning-text").textContent = reply.reasoning;
  const label = reply.content ? reply.thoughtFor && t("thoughtFor", { n: reply.thoughtFor }) : t("thinking");
  if (label) part("reasoning-label").textContent = label;
}
