// The prompt is seen before it is drawn: what a model makes of one's words stands in the field, and can be taken back.
import { post, tellRefusal } from "../common/api.js";
import { byId } from "../common/dom.js";
import { grow } from "../common/grow.js";
import { t } from "../common/text.js";
import { announce } from "../common/toast.js";

const KEY = `first-look:${document.body.dataset.user}`;
const field = () => byId("prompt", HTMLTextAreaElement);
const toggle = () => document.getElementById("first-look"); // only where a model can write prompts
/** @type {{ words: string, better: string } | undefined} */
let written; // what stood in the field, and what the model made of it
let isLooked = false; // since then one changes the words oneself: they are drawn as they stand
let last = ""; // drawn already, as it stood

export function start() {
  const button = toggle();
  if (!button) return;
  button.setAttribute("aria-pressed", String(localStorage.getItem(KEY) === "1"));
  button.addEventListener("click", () => {
    const isOn = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(isOn));
    localStorage.setItem(KEY, isOn ? "1" : "");
  });
  byId("own-words").addEventListener("click", takeBack);
  field().addEventListener("input", () => field().value || forget());
}

/** What stood in the field before the prompt that is drawn. */
export const originalWords = () =>
  written?.better === field().value.trim() && written.words !== written.better ? written.words : undefined;

/** → whether what is in the field can be drawn now: it was looked at, or nobody wants to. */
export async function isSeen() {
  const words = field().value.trim();
  const isWanted = toggle()?.getAttribute("aria-pressed") === "true";
  if (!isWanted || isLooked || words === last) return true;
  const better = await whileBusy("writing", improved(words));
  isLooked = true;
  if (better && better !== words) {
    written = { words, better };
    put(better);
    byId("own-words").hidden = false;
  }
  announce(t("look"));
  return false;
}

/**
 * The prompt that a model writes of a picture is put into the field, to be changed and drawn.
 * @param {string} id of a file
 */
export async function describe(id) {
  const answer = await whileBusy("describing", post("/api/v1/images/describe", { image: id }));
  if (!answer?.prompt) return;
  forget();
  put(answer.prompt);
  isLooked = true;
  announce(t("described"));
}

/**
 * The result of a model's work, or nothing where it is refused; meanwhile nobody writes into the field.
 * @template T
 * @param {string} words what is going on
 * @param {Promise<T>} work
 */
async function whileBusy(words, work) {
  field().readOnly = true;
  field().setAttribute("aria-busy", "true");
  announce(t(words));
  const result = await work.catch(tellRefusal);
  field().readOnly = false;
  field().removeAttribute("aria-busy");
  return result;
}

/** What is in the field was sent: other words are to be looked at again. */
export function sent() {
  isLooked = false;
  last = field().value.trim();
}

/** The form is about another picture. */
export function forget() {
  isLooked = false;
  hide();
}

function hide() {
  written = undefined;
  const button = document.getElementById("own-words");
  if (button) button.hidden = true;
}

function takeBack() {
  const words = written?.words ?? "";
  hide();
  put(words);
}

/**
 * The prompt that the task model makes of these words; empty where it answers without one. Throws ApiError.
 * @param {string} words
 * @returns {Promise<string>}
 */
async function improved(words) {
  const request = { model: toggle()?.dataset.model, messages: [{ role: "user", content: words }] };
  const answer = await post("/api/v1/tasks/image_prompt/completions", request);
  const text = String(answer.choices?.[0]?.message?.content ?? "");
  for (let start = text.lastIndexOf("{"); start >= 0; start = start ? text.lastIndexOf("{", start - 1) : -1) {
    const prompt = promptIn(text.slice(start, text.lastIndexOf("}") + 1));
    if (prompt) return prompt;
  }
  return "";
}

/** @param {string} text */
function promptIn(text) {
  try {
    const { prompt } = JSON.parse(text);
    return typeof prompt === "string" ? prompt.trim() : "";
  } catch {
    return "";
  }
}

/**
 * As if it were typed: the browser's undo takes it back too.
 * @param {string} text
 */
function put(text) {
  field().focus();
  field().select();
  if (!document.execCommand("insertText", false, text)) field().value = text;
  grow(field());
}
