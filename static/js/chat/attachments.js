// Files on their way into a message: picked, dropped, pasted or taken with the camera. They are uploaded at once and wait
// with their chat until it is sent: neither a reload nor a look at another chat loses them.
import { remove as erase, token } from "../common/api.js";
import { t } from "../common/text.js";
import { announce, toast } from "../common/toast.js";
import * as picker from "./picker.js";
import * as thread from "./thread.js";

const AT_ONCE = 3; // uploads; the others wait, so that the page's own requests find a connection
const READABLE = /^(?:image\/|text\/|application\/(?:pdf|json)$)/;
const LOCAL = "local:"; // a temporary chat: nothing of it is kept

const by = (id) => document.getElementById(id);
const key = () => `files:${document.body.dataset.user}:${thread.chatId() ?? "new"}`;
const lists = new Map(); // key → [{name, size, type, file?, data?: as the API shows it, state: waiting|uploading|done|failed, …}]
let changed = () => {};

/** The files of the chat that is shown. */
function list(name = key()) {
  if (!lists.has(name)) {
    const kept = JSON.parse(sessionStorage.getItem(name) ?? "[]");
    lists.set(
      name,
      kept.map((data) => ({ ...factsOf(data), key: name, state: "done" })),
    );
  }
  return lists.get(name);
}

const factsOf = (data) => ({ name: data.name, size: data.size, type: data.content_type, data });

function remember(name) {
  const done = list(name)
    .filter((one) => one.state === "done")
    .map((one) => one.data);
  if (done.length && !name.includes(LOCAL)) sessionStorage.setItem(name, JSON.stringify(done));
  else sessionStorage.removeItem(name);
}

export const isEmpty = () => !list().length;

/** Why these files cannot be sent yet, in words; empty when they can. */
export function obstacle() {
  const failed = list().find((one) => one.state === "failed");
  if (failed) return t("notUploaded", { name: failed.name });
  return list().every((one) => one.state === "done") ? "" : t("uploading");
}

/**
 * The files of this message: gone from the composer, kept until `done(here)`, which knows whether its chat is still shown;
 * `giveBack()` when it was not sent.
 */
export function take() {
  const name = key();
  const files = list(name);
  lists.set(name, []);
  show();
  return {
    files,
    done(here) {
      if (here && name !== key() && name.endsWith(":new")) {
        lists.set(key(), list(name)); // the new chat has its name now, and what was attached meanwhile belongs to it
        for (const one of list()) one.key = key();
        lists.delete(name);
        sessionStorage.removeItem(name);
        remember(key());
      } else remember(name);
      for (const one of files) if (one.preview) URL.revokeObjectURL(one.preview);
      show();
    },
    giveBack() {
      list(name).unshift(...files);
      remember(name);
      show();
    },
  };
}

/** A main part was put in place: its chat's files stand in its composer. */
export function open() {
  show();
}

export function start(onChange) {
  changed = onChange;
  document.addEventListener("click", clicked);
  document.addEventListener("change", ({ target }) => {
    if (!target.matches("#attach-files, #attach-camera")) return;
    add([...target.files]);
    target.value = "";
  });
  document.addEventListener("paste", (event) => {
    const elsewhere = event.target.closest?.("input, textarea, dialog");
    const { files, types } = event.clipboardData;
    const isText = types.includes("text/plain") && types.includes("text/html"); // office programs add a picture of it
    if (!files.length || isText || !isOpen() || (elsewhere && elsewhere.id !== "message")) return;
    event.preventDefault();
    add([...files]);
  });
  for (const type of ["dragenter", "dragover"]) document.addEventListener(type, dragged);
  document.addEventListener("dragleave", (event) => event.relatedTarget || dropping(false));
  document.addEventListener("drop", (event) => {
    dropping(false);
    if (!carriesFiles(event)) return;
    event.preventDefault();
    const items = [...event.dataTransfer.items].filter(
      (item) => item.kind === "file" && !item.webkitGetAsEntry?.()?.isDirectory,
    );
    add(items.map((item) => item.getAsFile()));
  });
}

const isOpen = () => by("attach") && !by("attach").disabled;
const carriesFiles = (event) => isOpen() && event.dataTransfer.types.includes("Files");
const dropping = (on) => document.body.classList.toggle("dropping", on);

function dragged(event) {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = "copy";
  dropping(true);
}

function clicked(event) {
  const button = event.target.closest("[data-action]");
  const entry = button && list().find((one) => one.element?.contains(button));
  const action = button?.dataset.action;
  if (action === "attach" && matchMedia("(pointer: coarse)").matches) {
    by("attach-menu").showPopover();
    by("attach-menu").querySelector("button").focus();
  } else if (action === "attach") by("attach-files").click();
  else if (action === "attach-files" || action === "attach-camera") {
    by("attach-menu").hidePopover();
    by(action).click();
  } else if (action === "detach") detach(entry);
  else if (action === "retry-upload") {
    entry.state = "waiting";
    entry.element.querySelector("[data-action='detach']").focus();
    next();
  }
}

function add(files) {
  const { maxFiles, maxBytes } = by("composer").dataset;
  for (const file of files) {
    if (list().length >= maxFiles) {
      toast(t("tooManyFiles", { n: maxFiles }));
      break;
    }
    if (file.size > maxBytes) toast(t("fileTooLarge", { name: file.name, size: sizeOf(maxBytes) }));
    else list().push({ file, name: file.name, size: file.size, type: file.type, state: "waiting", key: key() });
  }
  show();
  by("message").focus();
  next();
}

function detach(entry) {
  const files = list();
  const at = files.indexOf(entry);
  files.splice(at, 1);
  entry.request?.abort();
  if (entry.preview) URL.revokeObjectURL(entry.preview);
  if (entry.data) eraseUnsent(entry.data); // in the end it would go by itself
  remember(key());
  show();
  announce(t("detached", { name: entry.name }));
  const neighbour = files[at] ?? files[at - 1];
  (neighbour?.element.querySelector("[data-action='detach']") ?? by("message")).focus();
  next();
}

const eraseUnsent = ({ id }) => erase(`/api/v1/files/${id}?unsent=1`).catch(() => {});

// --- Uploading ---------------------------------------------------------------------------------------------------------

function next() {
  const all = [...lists.values()].flat();
  const free = AT_ONCE - all.filter((one) => one.state === "uploading").length;
  for (const entry of all.filter((one) => one.state === "waiting").slice(0, Math.max(0, free))) upload(entry);
  for (const entry of list()) draw(entry);
  changed();
}

function upload(entry) {
  const data = new FormData();
  data.append("file", entry.file, entry.name);
  const [, temporary] = entry.key.split(LOCAL);
  if (temporary) {
    data.append("temporary", "1");
    data.append("session_id", temporary);
  }
  const request = new XMLHttpRequest(); // fetch does not say how much has gone
  Object.assign(entry, { request, state: "uploading", progress: 0, error: "" });
  request.open("POST", "/api/v1/files/");
  request.responseType = "json";
  request.setRequestHeader("Accept", "application/json");
  request.setRequestHeader("X-CSRFToken", token());
  request.upload.addEventListener("progress", ({ loaded, total }) => {
    entry.progress = total ? loaded / total : 0;
    draw(entry);
  });
  request.addEventListener("load", () => uploaded(entry, request));
  request.addEventListener("error", () => failed(entry, t("noAnswer")));
  request.addEventListener("loadend", next);
  request.send(data);
}

function uploaded(entry, { status, response }) {
  if (status === 401) return location.reload();
  if (status !== 201) return failed(entry, response?.detail ?? t("uploadFailed"));
  if (!READABLE.test(response.content_type)) {
    entry.file = undefined; // trying again would not help
    eraseUnsent(response);
    return failed(entry, t("unreadable"));
  }
  Object.assign(entry, factsOf(response), { state: "done" });
  remember(entry.key);
  announce(t("attached", { name: entry.name }));
}

function failed(entry, error) {
  Object.assign(entry, { error, state: "failed" });
  announce(`${entry.name}: ${error}`);
}

// --- Showing -----------------------------------------------------------------------------------------------------------

function show() {
  by("attachments").replaceChildren(...list().map(draw));
  by("attachments").hidden = isEmpty();
  changed();
}

function draw(entry) {
  entry.element ??= by("attachment-template").content.firstElementChild.cloneNode(true);
  const { element, name, size, state } = entry;
  const part = (wanted) => element.querySelector(`[data-part="${wanted}"]`);
  element.dataset.state = state;
  part("name").textContent = part("name").title = name;
  const percent = Math.round(100 * (entry.progress ?? 0));
  part("note").textContent =
    { waiting: t("waiting"), uploading: `${percent} %`, failed: entry.error }[state] ?? sizeOf(size);
  const bar = element.querySelector("progress");
  bar.hidden = state !== "uploading";
  bar.value = percent;
  bar.setAttribute("aria-label", t("progressOf", { name }));
  const retry = element.querySelector("[data-action='retry-upload']");
  retry.hidden = state !== "failed" || !entry.file;
  retry.setAttribute("aria-label", t("retryUpload", { name }));
  element.querySelector("[data-action='detach']").setAttribute("aria-label", t("detach", { name }));
  picture(entry, element.querySelector("img"));
  return element;
}

function picture(entry, image) {
  if (!entry.type.startsWith("image/") || image.hasAttribute("src")) return;
  image.addEventListener("load", () => (image.hidden = false), { once: true }); // not every browser shows every kind
  image.src = source(entry);
}

function source(entry) {
  if (!entry.file) return `${entry.data.url}?w=256`;
  entry.preview ??= URL.createObjectURL(entry.file);
  return entry.preview;
}

/** Elements that stand for files while their message is being sent. */
export const shadows = (files) =>
  files.map((entry) => {
    const isPicture = entry.type.startsWith("image/");
    const element = Object.assign(document.createElement("span"), {
      className: isPicture ? "picture" : "attached-file",
    });
    element.append(
      isPicture ? Object.assign(document.createElement("img"), { src: source(entry), alt: entry.name }) : entry.name,
    );
    return element;
  });

/** Say at once when the chosen model will not see a picture, unless something else is asked to work on it. */
export function warn() {
  const drawing = document.querySelector("[data-feature='image_generation'][aria-pressed='true']");
  const blind = !drawing && picker.vision() === "false" && list().some((one) => one.type.startsWith("image/"));
  const words = blind ? t("noVision") : "";
  if (by("no-vision").textContent !== words) by("no-vision").textContent = words;
}

function sizeOf(bytes) {
  const [unit, number] = bytes < 1e6 ? ["kilobyte", Math.max(bytes / 1e3, 0.1)] : ["megabyte", bytes / 1e6];
  const format = { style: "unit", unit, maximumFractionDigits: number < 10 ? 1 : 0 };
  return new Intl.NumberFormat(document.documentElement.lang, format).format(number);
}
