// Several models for each question of a chat: chosen in the picker, shown as chips above the box, remembered for the chat
// until they are turned off.
import { all, byId, child, clone, closest, partOf } from "../../common/dom.js";
import { t } from "../../common/text.js";
import { announce } from "../../common/toast.js";
import { contribute } from "../composer.js";
import * as picker from "../picker.js";
import * as thread from "../thread.js";

const MOST = 4; // as the server says
const CHATS = 50; // that are remembered
const key = () => `several:${document.body.dataset.user}`;
const chatKey = () => thread.chatId() ?? "new";
const toggleButton = () => byId("picker-several");
const chips = () => byId("several");

let isOn = false;
/** @type {picker.Choice[]} */
let chosen = [];
/** What the picker said of its one model. @type {{ name: string, vision: string, length: string } | undefined} */
let single;

/** @returns {[string, picker.Choice[]][]} by chat, newest last */
const stored = () => JSON.parse(localStorage.getItem(key()) ?? "[]");

/**
 * @param {string} chat
 * @param {picker.Choice[]} choices none: nothing is remembered
 */
function remember(chat, choices) {
  const others = stored().filter(([id]) => id !== chat);
  const all = choices.length ? [...others, [chat, choices]] : others;
  if (all.length) localStorage.setItem(key(), JSON.stringify(all.slice(-CHATS)));
  else localStorage.removeItem(key());
}

/** A main part was put in place. */
export function open() {
  single = undefined;
  const own = stored().find(([id]) => id === chatKey());
  chosen = thread.isTemporary() ? [] : (own?.[1] ?? []);
  isOn = chosen.length > 1;
  if (thread.isTemporary())
    picker.setSeveral(undefined); // its one answer is not stored, and has no others beside it
  else show();
}

/** The button of the picker: from one model to several, and back. */
export function toggle() {
  isOn = !isOn;
  const current = picker.chosen();
  chosen = isOn && current ? [current] : [];
  changed();
}

const mode = {
  /** @param {string} model */
  has: (model) => chosen.some((choice) => choice.model === model),
  /** @param {picker.Choice} choice */
  choose(choice) {
    if (mode.has(choice.model)) chosen = chosen.filter(({ model }) => model !== choice.model);
    else if (chosen.length < MOST) chosen = [...chosen, choice];
    changed();
  },
  /** @param {picker.Choice} choice */
  follow(choice) {
    if (single) single = choice;
  },
  closed: settle,
};

/** Fewer than two are one model, or none: the picker's own. */
function settle() {
  if (!isOn || chosen.length > 1) return;
  const [last] = chosen;
  isOn = false;
  chosen = [];
  changed();
  if (last && last.model !== picker.model()) picker.take(last);
}

function changed() {
  remember(chatKey(), isOn && chosen.length > 1 ? chosen : []);
  show();
  document.dispatchEvent(new CustomEvent("model:changed"));
}

function show() {
  const isActive = isOn && chosen.length > 1;
  picker.setSeveral(isOn ? mode : undefined);
  toggleButton().setAttribute("aria-pressed", String(isOn));
  byId("picker-list").ariaMultiSelectable = isOn ? "true" : null;
  const foot = byId("picker-foot");
  foot.hidden = !isOn;
  partOf(foot, "count").textContent = t("chosenModels", { n: chosen.length, most: MOST });
  single ??= picker.label();
  picker.setLabel(isActive ? together() : single);
  if (!isActive) single = undefined;
  chips().hidden = !isActive;
  chips().replaceChildren(...(isActive ? [...chosen.map(chipOf), clone("several-off-template")] : []));
}

/** What holds for all of them: who sees no picture, and whose context is the shortest, decide. */
function together() {
  const lengths = chosen.map(({ length }) => Number(length)).filter(Boolean);
  const seeing = chosen.map(({ vision }) => vision);
  return {
    name: t("severalModels", { n: chosen.length }) ?? "",
    vision: seeing.includes("false") ? "false" : seeing.every((sees) => sees === "true") ? "true" : "",
    length: lengths.length ? String(Math.min(...lengths)) : "",
  };
}

/** @param {picker.Choice} choice */
function chipOf({ model, name }) {
  const chip = clone("several-template");
  chip.dataset.model = model;
  partOf(chip, "name").textContent = name;
  child(chip, "button").setAttribute("aria-label", t("askNot", { name }) ?? "");
  return chip;
}

document.addEventListener("click", (event) => {
  const button = closest(event, "#several button");
  if (closest(event, "#picker-foot button")) return picker.close();
  if (!button) return;
  const { model } = /** @type {HTMLElement} */ (button.closest("li")).dataset;
  if (model) chosen = chosen.filter((choice) => choice.model !== model);
  else [isOn, chosen] = [false, []];
  changed();
  settle();
  announce(all("li", chips()).length ? t("severalModels", { n: chosen.length }) : t("oneModel"));
  byId("message").focus();
});
document.addEventListener("chat:opened", ({ detail: chat }) => {
  if (!isOn) return;
  remember("new", []);
  remember(chat.id, chosen);
});

contribute((request) => {
  // Who was asked by “@” answers alone.
  if (isOn && chosen.length > 1 && !byId("asked").dataset.model) request.models = chosen.map(({ model }) => model);
});
