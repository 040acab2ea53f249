// A chat's own rules: the button beside the model's name holds them. Those of a chat that is not stored yet go with its
// messages; a stored one has them on the server.
import { tellRefusal } from "../../common/api.js";
import { byId, closest } from "../../common/dom.js";
import { on } from "../../common/socket.js";
import { contribute } from "../composer.js";
import * as thread from "../thread.js";

const button = () => byId("rules-button");
const draftKey = () => `rules:${document.body.dataset.user}`; // of the next new chat, as the draft of its message
const isNew = () => !thread.chatId();

/** @returns {Rules} */
export const rules = () => JSON.parse(button().dataset.rules || "{}");

/**
 * The rules of the chat that is shown are these now.
 * @param {Rules} value
 */
export function show(value) {
  const isSet = Object.keys(value).length > 0;
  const { dataset } = button();
  dataset.rules = JSON.stringify(value);
  button().toggleAttribute("data-set", isSet);
  const label = (isSet ? dataset.labelSet : dataset.label) ?? "";
  button().setAttribute("aria-label", label);
  button().title = label;
  if (isNew() && isSet) sessionStorage.setItem(draftKey(), dataset.rules);
  else if (isNew()) sessionStorage.removeItem(draftKey());
  document.dispatchEvent(new Event("rules:changed"));
}

export function start() {
  document.addEventListener("click", async (event) => {
    if (closest(event, "#rules-button")) (await import("./form.js")).openPanel().catch(tellRefusal);
  });
  document.addEventListener("chat:opened", () => sessionStorage.removeItem(draftKey()));
  on("chat:rules", ({ chat_id: id }, { rules: changed }) => id === thread.chatId() && show(changed ?? {}));
  contribute((request) => {
    if (isNew() || thread.isTemporary()) request.rules = rules();
  });
}

/** A main part was put in place. */
export function open() {
  const draft = isNew() ? sessionStorage.getItem(draftKey()) : null;
  show(draft ? JSON.parse(draft) : rules());
}
