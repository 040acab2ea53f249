// The dialog that shares a chat: what it says comes from the server, at first and after each change.
import { part, patch, post, remove, tellRefusal } from "../common/api.js";
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
    if (event.target instanceof HTMLInputElement && event.target.readOnly) event.target.select();
    else if (button?.dataset.share === "copy") copyText(child(made, "input[readonly]", HTMLInputElement).value, button);
    else if (button?.dataset.share === "on") change(post(address(), terms(made)));
    else if (button?.dataset.share === "off") change(remove(address()));
  });
  made.addEventListener("change", (event) => {
    const isShared = find("[data-share='off']", made);
    if (isShared && closest(event, "#share-terms")) change(patch(address(), terms(made)), event);
  });
  return made;
}

/**
 * What is chosen about a link: for whom, until when, with the name.
 * @param {HTMLElement} root
 */
function terms(root) {
  const until = child(root, "[name='until']", HTMLInputElement).value;
  const forAll = root.querySelector("[name='public'][value='1']");
  return {
    ...(forAll instanceof HTMLInputElement ? { public: forAll.checked } : {}),
    expires_at: until ? new Date(`${until}T23:59:59`).toISOString() : null,
    shows_name: child(root, "[name='shows_name']", HTMLInputElement).checked,
  };
}

const address = () => `/api/v1/chats/${chat}/share`;

/**
 * @param {Promise<unknown>} request
 * @param {Event} [event] of a field, which is focused again
 */
async function change(request, event) {
  try {
    await request;
    await draw();
    if (event?.target instanceof HTMLInputElement && dialog) {
      const { name, value, type } = event.target;
      find(type === "radio" ? `[name='${name}'][value='${value}']` : `[name='${name}']`, dialog)?.focus();
    }
  } catch (error) {
    dialog?.close(); // a note would stand behind it
    tellRefusal(error);
  }
}
