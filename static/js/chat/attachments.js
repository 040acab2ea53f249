// Files on their way into a message: picked, dropped, pasted or taken with the camera. They are uploaded at once and wait
// with their chat until it is sent: neither a reload nor a look at another chat loses them.
import { ApiError, remove as erase } from "../common/api.js";
import { byId, child, clone, closest, find, partOf } from "../common/dom.js";
import { takeFiles } from "../common/file-drop.js";
import { t } from "../common/text.js";
import { announce, toast } from "../common/toast.js";
import { upload } from "../common/upload.js";
import * as pastes from "./composing/pastes.js";
import * as picker from "./picker.js";
import * as thread from "./thread.js";

const AT_ONCE = 3; // uploads; the others wait, so that the page's own requests find a connection
const READABLE = /^(?:image\/|text\/|application\/(?:pdf|json)$)/;

/**
 * A file of a message that is being written; `key` names its chat.
 * @typedef {object} Entry
 * @property {string} key
 * @property {"waiting" | "uploading" | "done" | "failed"} state
 * @property {string} name
 * @property {number} size
 * @property {string} type
 * @property {boolean} [pasted] a text that may go into the field
 * @property {File} [file]
 * @property {StoredFile} [stored]
 * @property {string} [preview] an address of the file in this page
 * @property {number} [progress] 0 to 1
 * @property {string} [error]
 * @property {AbortController} [control] of its upload
 * @property {HTMLElement} [element]
 */

const chatKey = () => `files:${document.body.dataset.user}:${thread.chatId() ?? "new"}`;
/** @type {Map<string, Entry[]>} */
const lists = new Map();
let changed = () => {};

/** The files of the chat that is shown. */
function entries(key = chatKey()) {
  const known = lists.get(key);
  if (known) return known;
  /** @type {(StoredFile & { pasted?: boolean })[]} */
  const stored = JSON.parse(sessionStorage.getItem(key) ?? "[]");
  const list = entriesOf(stored, key);
  lists.set(key, list);
  return list;
}

/**
 * @param {(StoredFile & { pasted?: boolean })[]} files
 * @param {string} [key]
 * @returns {Entry[]}
 */
export const entriesOf = (files, key = chatKey()) =>
  files.map((file) => ({ key, state: "done", pasted: file.pasted, ...factsOf(file) }));

/**
 * Files of a message that was not sent are in the composer again.
 * @param {StoredFile[]} files
 */
export function putBack(files) {
  entries().unshift(...entriesOf(files));
  remember(chatKey());
  show();
}

/** @param {StoredFile} stored */
const factsOf = (stored) => ({ name: stored.name, size: stored.size, type: stored.content_type, stored });

/** @param {Entry[]} list */
const storedFiles = (list) => list.flatMap(({ stored }) => stored ?? []);

/** @param {string} key */
function remember(key) {
  const done = entries(key).filter(({ state }) => state === "done");
  const stored = done.flatMap(({ stored, pasted }) => (stored ? { ...stored, pasted } : []));
  if (stored.length && !key.includes(thread.LOCAL)) sessionStorage.setItem(key, JSON.stringify(stored));
  else sessionStorage.removeItem(key);
  document.dispatchEvent(new Event("draft:changed"));
}

/** The files of this message that the server has. */
export const done = () => storedFiles(entries().filter(({ state }) => state === "done"));

/**
 * These files take the place of those of this message.
 * @param {StoredFile[]} files
 */
export function replace(files) {
  lists.set(chatKey(), entriesOf(files));
  remember(chatKey());
  show();
}

export const isEmpty = () => !entries().length;

/** Why these files cannot be sent yet, in words; empty when they can. */
export function obstacle() {
  const failed = entries().find(({ state }) => state === "failed");
  if (failed) return t("notUploaded", { name: failed.name });
  return entries().every(({ state }) => state === "done") ? "" : t("uploading");
}

/**
 * The files of this message: gone from the composer, held until `done(isHere)`, which knows whether its chat is still
 * shown; `giveBack()` when it was not sent.
 */
export function take() {
  const key = chatKey();
  const taken = entries(key);
  lists.set(key, []);
  show();
  return {
    entries: taken,
    files: storedFiles(taken),
    /** @param {boolean} isHere */
    done(isHere) {
      if (isHere && key !== chatKey() && key.endsWith(":new")) {
        lists.set(chatKey(), entries(key)); // the new chat has its name now, and what was attached meanwhile belongs to it
        for (const entry of entries()) entry.key = chatKey();
        lists.delete(key);
        sessionStorage.removeItem(key);
        remember(chatKey());
      } else remember(key);
      for (const { preview } of taken) if (preview) URL.revokeObjectURL(preview);
      show();
    },
    giveBack() {
      entries(key).unshift(...taken);
      remember(key);
      show();
    },
  };
}

/** A main part was put in place: its chat's files stand in its composer. */
export function open() {
  show();
}

/** @param {() => void} onChange */
export function start(onChange) {
  changed = onChange;
  document.addEventListener("click", clicked);
  document.addEventListener("change", ({ target }) => {
    if (!(target instanceof HTMLInputElement && target.matches("#attach-files, #attach-camera"))) return;
    add([...(target.files ?? [])]);
    target.value = "";
  });
  takeFiles({ area: document, pasteArea: document, marked: document.body, onFiles: add, isOpen, pasted });
}

function isOpen() {
  const attach = document.getElementById("attach");
  return attach instanceof HTMLButtonElement && !attach.disabled;
}

/** @param {ClipboardEvent} event */
function pasted(event) {
  const text = hasRoom() && pastes.textFile(event);
  if (text && text.size <= limits().bytes) return [text];
  const elsewhere = closest(event, "input, textarea, dialog");
  const { files = [], types = [] } = event.clipboardData ?? {};
  const isText = types.includes("text/plain") && types.includes("text/html"); // office programs add a picture of it
  return isText || (elsewhere && elsewhere.id !== "message") ? [] : [...files];
}

/** @param {Event} event */
function clicked(event) {
  const button = closest(event, "[data-action]");
  const action = button?.dataset.action;
  const entry = button && entries().find(({ element }) => element?.contains(button));
  if (action === "attach" && matchMedia("(pointer: coarse)").matches) {
    byId("attach-menu").showPopover();
    child(byId("attach-menu"), "button").focus();
  } else if (action === "attach") byId("attach-files").click();
  else if (action === "attach-files" || action === "attach-camera") {
    byId("attach-menu").hidePopover();
    byId(action).click();
  } else if (entry && action === "detach") detach(entry);
  else if (entry && action === "inline") inline(entry);
  else if (entry && action === "retry-upload") {
    entry.state = "waiting";
    detachButton(entry)?.focus();
    next();
  }
}

/** @param {Entry | undefined} entry */
const detachButton = (entry) => entry?.element && find("[data-action='detach']", entry.element);

/** What one message can have. */
function limits() {
  const { maxFiles, maxBytes } = byId("composer").dataset;
  return { files: Number(maxFiles), bytes: Number(maxBytes) };
}

const hasRoom = () => entries().length < limits().files;

/** @param {File[]} files */
export function add(files) {
  for (const file of files) {
    if (!hasRoom()) {
      toast(t("tooManyFiles", { n: limits().files }));
      break;
    }
    const { name, size, type } = file;
    const pasted = pastes.isPaste(file);
    if (size > limits().bytes) toast(t("fileTooLarge", { name, size: sizeOf(limits().bytes) }));
    else entries().push({ key: chatKey(), state: "waiting", file, name, size, type, pasted });
  }
  show();
  byId("message").focus();
  next();
}

/**
 * Put a pasted text into the message, where one writes.
 * @param {Entry} entry
 */
async function inline(entry) {
  const source = entry.file ?? entry.stored;
  const text = source && (await pastes.textOf(source));
  if (!entries().includes(entry)) return; // pressed twice, or another chat is shown now
  if (!text) return toast(t("noAnswer"));
  detach(entry);
  const field = byId("message", HTMLTextAreaElement);
  field.focus();
  field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

/** @param {Entry} entry */
function detach(entry) {
  const list = entries();
  const index = list.indexOf(entry);
  list.splice(index, 1);
  entry.control?.abort();
  if (entry.preview) URL.revokeObjectURL(entry.preview);
  if (entry.stored) eraseUnsent(entry.stored);
  remember(chatKey());
  show();
  announce(t("detached", { name: entry.name }));
  (detachButton(list[index] ?? list[index - 1]) ?? byId("message")).focus();
  next();
}

/**
 * In the end an unsent file would go by itself.
 * @param {StoredFile} stored
 */
export const eraseUnsent = ({ id }) => erase(`/api/v1/files/${id}?unsent=1`).catch(() => {});

// --- Uploading ---------------------------------------------------------------------------------------------------------

function next() {
  const every = [...lists.values()].flat();
  const free = AT_ONCE - every.filter(({ state }) => state === "uploading").length;
  for (const entry of every.filter(({ state }) => state === "waiting").slice(0, Math.max(0, free))) send(entry);
  for (const entry of entries()) draw(entry);
  changed();
}

/** @param {Entry} entry */
async function send(entry) {
  const { file, control } = Object.assign(entry, { control: new AbortController(), progress: 0, error: "" });
  if (!file) return;
  entry.state = "uploading";
  const [, temporary] = entry.key.split(thread.LOCAL);
  try {
    const stored = await upload(file, {
      fields: temporary ? { temporary: "1", session_id: temporary } : {},
      signal: control.signal,
      onProgress(share) {
        entry.progress = share;
        draw(entry);
      },
    });
    uploaded(entry, stored);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    failed(entry, error.status ? error.message || t("uploadFailed") : t("noAnswer"));
  }
  next();
}

/**
 * @param {Entry} entry
 * @param {StoredFile} stored
 */
function uploaded(entry, stored) {
  if (!READABLE.test(stored.content_type)) {
    entry.file = undefined; // trying again would not help
    eraseUnsent(stored);
    return failed(entry, t("unreadable"));
  }
  Object.assign(entry, factsOf(stored), { state: "done" });
  remember(entry.key);
  announce(t("attached", { name: entry.name }));
}

/**
 * @param {Entry} entry
 * @param {string} error
 */
function failed(entry, error) {
  Object.assign(entry, { error, state: "failed" });
  announce(`${entry.name}: ${error}`);
}

// --- Showing -----------------------------------------------------------------------------------------------------------

function show() {
  byId("attachments").replaceChildren(...entries().map(draw));
  byId("attachments").hidden = isEmpty();
  changed();
}

/** @param {Entry} entry */
function draw(entry) {
  entry.element ??= clone("attachment-template");
  const { element, name, size, state } = entry;
  element.dataset.state = state;
  partOf(element, "name").textContent = partOf(element, "name").title = name;
  const percent = Math.round(100 * (entry.progress ?? 0));
  const notes = { waiting: t("waiting"), uploading: `${percent} %`, failed: entry.error ?? "", done: sizeOf(size) };
  partOf(element, "note").textContent = notes[state];
  const bar = child(element, "progress", HTMLProgressElement);
  bar.hidden = state !== "uploading";
  bar.value = percent;
  bar.setAttribute("aria-label", t("progressOf", { name }));
  const retry = child(element, "[data-action='retry-upload']");
  retry.hidden = state !== "failed" || !entry.file;
  retry.setAttribute("aria-label", t("retryUpload", { name }));
  const inlining = child(element, "[data-action='inline']");
  inlining.hidden = !entry.pasted;
  inlining.textContent = entry.pasted ? t("inline") : "";
  child(element, "[data-action='detach']").setAttribute("aria-label", t("detach", { name }));
  showPicture(entry, child(element, "img", HTMLImageElement));
  return element;
}

/**
 * @param {Entry} entry
 * @param {HTMLImageElement} image
 */
function showPicture(entry, image) {
  if (!isPicture(entry) || image.hasAttribute("src")) return;
  const appear = () => image.removeAttribute("hidden");
  image.addEventListener("load", appear, { once: true }); // not every browser shows every kind
  image.src = sourceOf(entry);
}

/** @param {Entry} entry */
const isPicture = ({ type }) => type.startsWith("image/");

/** @param {Entry} entry */
function sourceOf(entry) {
  if (!entry.file) return `${entry.stored?.url}?w=256`;
  entry.preview ??= URL.createObjectURL(entry.file);
  return entry.preview;
}

/**
 * Elements that stand for files while their message is being sent.
 * @param {Entry[]} list
 */
export const shadows = (list) =>
  list.map((entry) => {
    const element = document.createElement("span");
    element.className = isPicture(entry) ? "picture" : "attached-file";
    if (!isPicture(entry)) element.append(entry.name);
    else element.append(Object.assign(document.createElement("img"), { src: sourceOf(entry), alt: entry.name }));
    return element;
  });

/** Say at once when the chosen model will not see a picture, unless something else is asked to work on it. */
export function warn() {
  const drawing = find("[data-feature='image_generation'][aria-pressed='true']");
  const words = !drawing && picker.vision() === "false" && entries().some(isPicture) ? t("noVision") : "";
  if (byId("no-vision").textContent !== words) byId("no-vision").textContent = words;
}

/** @param {number} bytes */
function sizeOf(bytes) {
  const isSmall = bytes < 1e6;
  const number = isSmall ? Math.max(bytes / 1e3, 0.1) : bytes / 1e6;
  /** @type {Intl.NumberFormatOptions} */
  const format = { style: "unit", unit: isSmall ? "kilobyte" : "megabyte", maximumFractionDigits: number < 10 ? 1 : 0 };
  return new Intl.NumberFormat(document.documentElement.lang, format).format(number);
}
