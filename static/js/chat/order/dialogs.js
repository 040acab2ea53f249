// The dialogs about folders, and the question before something is gone for good.
import { ApiError, part, patch, post, remove, tellRefusal } from "../../common/api.js";
import { all, child, closest, find, partOf } from "../../common/dom.js";
import { t } from "../../common/text.js";
import { upload } from "../../common/upload.js";
import { act, changed } from "./filing.js";

/** @type {HTMLDialogElement | undefined} */
let dialog;
/** @type {string[]} */
let chosen = []; // chats that are to be moved

/** @param {string[]} ids */
export function move(ids) {
  chosen = ids;
  return show("/folders/choose");
}

/** @param {string} [folder] none: a new one */
export const settings = (folder) => show(folder ? `/folders/${folder}/settings` : "/folders/new");

/**
 * Ask before something is done that nothing undoes.
 * @param {string} text
 * @param {string} label
 * @returns {Promise<boolean>}
 */
export function confirm(text, label) {
  const asked = document.body.appendChild(document.createElement("dialog"));
  const words = Object.assign(document.createElement("p"), { textContent: text, id: "confirm-text" });
  const form = Object.assign(document.createElement("form"), { method: "dialog", className: "buttons" });
  for (const [value, name, kind] of [
    ["", t("cancel"), ""],
    ["yes", label, "button-danger"],
  ]) {
    form.append(
      Object.assign(document.createElement("button"), { value, textContent: name, className: `button ${kind}` }),
    );
  }
  asked.className = "order-dialog";
  asked.setAttribute("aria-labelledby", words.id);
  asked.append(words, form);
  asked.showModal();
  return new Promise((resolve) => {
    asked.addEventListener("close", () => {
      resolve(asked.returnValue === "yes");
      asked.remove();
    });
  });
}

/** @param {string} url */
async function show(url) {
  const html = await part(url).catch(tellRefusal);
  if (html === undefined) return;
  dialog ??= make();
  dialog.innerHTML = html;
  dialog.showModal();
  find("[autofocus]", dialog)?.focus();
}

function make() {
  const made = document.body.appendChild(document.createElement("dialog"));
  made.className = "order-dialog";
  made.setAttribute("aria-labelledby", "order-title");
  made.addEventListener("click", (event) => {
    const button = closest(event, "button");
    if (button?.dataset.move !== undefined) moveTo(button.dataset.move);
    else if (button?.dataset.moveOn) ask(made);
    else if (button && "close" in button.dataset) made.close();
    else if (button?.closest("[data-file]")) {
      button.closest("[data-file]")?.remove();
      find("input[type='file']", made)?.focus();
    }
  });
  made.addEventListener("change", ({ target }) => {
    if (target instanceof HTMLInputElement && target.type === "file") addFiles(made, target);
  });
  made.addEventListener("submit", (event) => {
    const form = /** @type {HTMLFormElement} */ (event.target);
    if (form.method === "dialog") return;
    event.preventDefault();
    send(form).catch((error) => fail(made, error));
  });
  return made;
}

/** @param {string} folder */
async function moveTo(folder) {
  dialog?.close();
  await act("move", chosen, folder || null);
}

/** @param {HTMLDialogElement} made */
function ask(made) {
  for (const form of all("form[data-form]", made)) form.hidden = form.dataset.form !== "delete";
  find("input:checked", child(made, "[data-form='delete']"))?.focus();
}

/**
 * @param {HTMLDialogElement} made
 * @param {HTMLInputElement} input
 */
async function addFiles(made, input) {
  const files = [...(input.files ?? [])];
  input.value = "";
  const list = partOf(made, "files");
  const submit = child(made, "[data-form='settings'] [type='submit']", HTMLButtonElement);
  submit.disabled = true; // what is on its way would be left out
  for (const file of files) {
    try {
      const stored = await upload(file);
      const item = /** @type {HTMLElement} */ (
        partOf(made, "file-template", HTMLTemplateElement).content.firstElementChild?.cloneNode(true)
      );
      item.dataset.file = stored.id;
      partOf(item, "name").textContent = stored.name;
      list.append(item);
    } catch (error) {
      fail(made, error);
    }
  }
  submit.disabled = false;
}

/** @param {HTMLFormElement} form */
async function send(form) {
  const fields = new FormData(form);
  const folder = form.dataset.folder;
  if (form.dataset.form === "new") {
    const made = await post("/api/v1/folders/", { name: fields.get("name") });
    await moveTo(made.id);
    return;
  }
  if (form.dataset.form === "delete") {
    const isHere = location.pathname === `/folders/${folder}`;
    if (isHere) find("#list")?.remove(); // nothing asks for it any more
    await remove(`/api/v1/folders/${folder}?chats=${fields.get("chats")}`);
    if (isHere) return location.assign("/chats");
  } else {
    const files = all("[data-file]", partOf(form, "files")).map((item) => ({ id: item.dataset.file }));
    const values = { name: fields.get("name"), prompt: fields.get("prompt"), files };
    if (!folder) {
      const made = await post("/api/v1/folders/", values);
      return location.assign(`/folders/${made.id}`);
    }
    await patch(`/api/v1/folders/${folder}`, values);
    if (location.pathname === `/folders/${folder}`) return location.reload();
  }
  dialog?.close();
  changed();
}

/**
 * What was refused, where it was asked: a note would stand behind the dialog.
 * @param {HTMLDialogElement} made
 * @param {unknown} error
 */
function fail(made, error) {
  if (!(error instanceof ApiError)) throw error;
  const note = find(".notice", made) ?? document.createElement("p");
  note.className = "notice notice-danger";
  note.setAttribute("role", "alert");
  note.textContent = error.message || t("actionFailed");
  child(made, "h2").after(note);
}
