// What stands in the field is kept on the server too: it is there on the next device. Of two devices the one that wrote last
// counts, and nothing is put in place of what somebody is typing here.
import { ApiError, get, put, token } from "../../common/api.js";
import { byId, closest } from "../../common/dom.js";
import * as socket from "../../common/socket.js";
import * as attachments from "../attachments.js";
import * as composer from "../composer.js";
import * as thread from "../thread.js";

const PAUSE = 800; // milliseconds after the last change
const LONGEST = 100_000; // characters that the server keeps

/**
 * @typedef {{ text: string, files: StoredFile[], written: string }} Draft
 * @typedef {{ key: string, text: string, files: StoredFile[], at: number }} Change
 */

const NEW = "new";
const keyNow = () => thread.chatId() ?? NEW;
/** @param {string} key */
const urlOf = (key) => `/api/v1/drafts/${key}`;
/** @param {string} key */
const syncedKey = (key) => `draft-synced:${document.body.dataset.user}:${key}`;
/**
 * A draft as one text, to be compared.
 * @param {{ text: string, files: { id: string }[] }} draft
 */
const asText = ({ text, files }) =>
  text.trim() || files.length ? JSON.stringify([text, files.map(({ id }) => id)]) : "";

/** @type {Change | undefined} */
let pending;
/** @type {number | undefined} */
let timer;
let saving = false;
let takes = false; // what comes from the server is no change of ours
/** @type {Set<string>} */
const emptied = new Set(); // keys of drafts that were sent here: what stands in the field now was written since

const mine = () => ({ text: composer.area().value, files: attachments.done() });
/** @param {string} key */
const synced = (key) => sessionStorage.getItem(syncedKey(key)) ?? "";
/**
 * @param {string} key
 * @param {string} text
 */
function setSynced(key, text) {
  if (text) sessionStorage.setItem(syncedKey(key), text);
  else sessionStorage.removeItem(syncedKey(key));
}

/** A main part was put in place: it says what the server has. */
export function open() {
  if (thread.isTemporary()) return;
  const { draft } = byId("composer").dataset;
  reconcile(draft ? JSON.parse(draft) : undefined);
}

/**
 * What the server has takes the place of what is known from there; what was written here since stays, and is kept.
 * @param {Draft | undefined} draft
 */
function reconcile(draft) {
  const key = keyNow();
  const here = asText(mine());
  const there = draft ? asText(draft) : "";
  if (here === there) return setSynced(key, there);
  if (here !== synced(key)) return changed();
  takes = true;
  attachments.replace(draft?.files ?? []);
  composer.write(draft?.text ?? "");
  takes = false;
  setSynced(key, there);
}

/** Something was written, attached or taken away. */
function changed() {
  if (takes || thread.isTemporary()) return;
  if (pending && pending.key !== keyNow()) save();
  pending = { key: keyNow(), ...mine(), at: performance.now() };
  clearTimeout(timer);
  timer = setTimeout(save, PAUSE);
}

async function save() {
  const change = pending;
  pending = undefined;
  clearTimeout(timer);
  if (!change || change.text.length > LONGEST || asText(change) === synced(change.key)) return;
  saving = true;
  try {
    await put(urlOf(change.key), bodyOf(change));
    setSynced(change.key, asText(change));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (!error.status) pending ??= change; // no network: with the next connection
  } finally {
    saving = false;
  }
}

/** @param {Change} change */
const bodyOf = ({ text, files, at }) => ({
  text,
  files: files.map(({ id }) => ({ id })),
  age: Math.max(0, performance.now() - at) / 1000,
});

/**
 * Another device, or this one, kept a draft.
 * @param {{ key?: string, gone?: boolean }} data
 */
export async function heard({ key, gone }) {
  if (gone && key && emptied.delete(key)) return;
  if (saving || pending || thread.isTemporary() || key !== keyNow()) return;
  const draft = gone ? undefined : await get(urlOf(key)).catch(() => null);
  if (draft !== null && key === keyNow() && !pending) reconcile(draft);
}

document.addEventListener("draft:changed", changed);
document.addEventListener("draft:sent", ({ detail: key }) => {
  if (pending?.key === key) pending = undefined;
  if (!synced(key)) return;
  setSynced(key, "");
  emptied.add(key);
  put(urlOf(key), { text: "", files: [] }).catch(() => {}); // in the end it would go by itself
  if (key === keyNow()) changed(); // what was written meanwhile
});
socket.onOpen(() => pending && save());
document.addEventListener("htmx:beforeSwap", (event) => closest(event, "#main") && save());
addEventListener("pagehide", () => {
  if (!pending || pending.text.length > LONGEST) return;
  const headers = { "Content-Type": "application/json", "X-CSRFToken": token() };
  fetch(urlOf(pending.key), { method: "PUT", headers, body: JSON.stringify(bodyOf(pending)), keepalive: true });
  pending = undefined;
});
