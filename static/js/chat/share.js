// The dialog that shares a chat: what it says comes from the server, at first and after each change.
import { part, post, remove, tellRefusal } from "../common/api.js";
import { copyText } from "../common/clipboard.js";
import { child, closest, find } from "../common/dom.js";

/** @type {string | undefined} */
let chat; // whose dialog it is
/** @type {HTMLDialogElement | undefined} */
let dialog;

/** @param {string | undefined} id */
export async function openShare(id) {
  chat = id;
  await draw();
}

async function draw() {
  const html = await part(`/c/${chat}/share`).catch(tellRefusal);
  if (html === undefined) return dialog?.close();
  dialog ??= make();
  dialog.innerHTML = html;
  if (!dialog.open) dialog.showModal();
  find("[autofocus]", dialog)?.focus();
}

function make() {
  const made = document.body.appendChild(document.createElement("dialog"));
  made.id = "share-dialog";
  made.setAttribute("aria-labelledby", "share-title");
  made.addEventListener("click", (event) => {
    const button = closest(event, "button");
    if (event.target instanceof HTMLInputElement) event.target.select();
    else if (button?.dataset.share === "copy") copyText(child(made, "input", HTMLInputElement).value, button);
    else if (button?.dataset.share === "on") change(post(address()));
    else if (button?.dataset.share === "off") change(remove(address()));
  });
  return made;
}

const address = () => `/api/v1/chats/${chat}/share`;

/** @param {Promise<unknown>} request */
async function change(request) {
  try {
    await request;
    await draw();
  } catch (error) {
    dialog?.close(); // a note would stand behind it
    tellRefusal(error);
  }
}
