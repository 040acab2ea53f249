// The dialog that shares a chat: what it says comes from the server, at first and after each change.
import { part, post, remove, tellRefusal } from "../common/api.js";
import { copyText } from "../common/clipboard.js";

let chat; // whose dialog it is
let dialog;

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
  dialog.querySelector("[autofocus]")?.focus();
}

function make() {
  const made = document.body.appendChild(document.createElement("dialog"));
  made.id = "share-dialog";
  made.setAttribute("aria-labelledby", "share-title");
  made.addEventListener("click", async ({ target }) => {
    const button = target.closest("button");
    if (button?.dataset.share === "copy") copyText(made.querySelector("input").value, button);
    else if (button?.dataset.share === "on") change(post(address()));
    else if (button?.dataset.share === "off") change(remove(address()));
    else if (target.matches("input")) target.select();
  });
  return made;
}

const address = () => `/api/v1/chats/${chat}/share`;

async function change(asked) {
  try {
    await asked;
    await draw();
  } catch (error) {
    dialog.close(); // a note would stand behind it
    tellRefusal(error);
  }
}
