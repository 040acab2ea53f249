// Reads an answer aloud: through the site's speech endpoint, part by part, so that it starts at once and the next part is
// on its way while one is heard; with the browser's own voice where the site has none. One answer at a time.
import { ApiError, token } from "../../common/api.js";
import { all, find, partOf } from "../../common/dom.js";
import { t } from "../../common/text.js";
import { toast } from "../../common/toast.js";

const LIMITS = [80, 200, 400]; // how long the first parts may be, then all; the first is short, so that it is there soon
const LONGEST = { first: 120, other: 400 }; // a sentence beyond that is cut at a comma
const SILENT = ".code, .math, .task-box, .footnote, .footnotes, img";
const BLOCKS = "p, li, h2, h3, h4, h5, h6, blockquote, tr, hr, .table";
const BREAK = "\u2029";
const WIDE = /[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]/g; // takes about three times as long as a Latin letter
/** @type {[RegExp, string][]} */
const SCRIPTS = [
  [/[\u3040-\u30ff]/g, "ja"],
  [/[\uac00-\ud7af]/g, "ko"],
  [/[\u4e00-\u9fff]/g, "zh-CN"],
];
const NOT_CONFIGURED = ["speech_not_configured", "connections_disabled"];

/** Whether the site has no voice, so that the browser's own reads. */
export const isVoiceless = (/** @type {unknown} */ error) =>
  error instanceof ApiError && NOT_CONFIGURED.includes(error.code ?? "");

const player = new Audio();
/** @type {{ id: string, control: AbortController } | undefined} */
let reading; // the message
/** @type {SpeechSynthesisUtterance | undefined} */
let utterance; // Chromium collects one that nothing refers to, and its end is never heard of

/**
 * Read this answer; stop when it is the one that is being read.
 * @param {HTMLElement} message
 */
export function toggle(message) {
  const id = message.dataset.message ?? "";
  const again = reading?.id === id;
  stop();
  if (again) return;
  unlock();
  read(id, partOf(message, "body"));
}

/** Inside a press: Safari lets the player sound from now on. */
export const unlock = () => player.load();

export function stop() {
  const before = reading;
  reading = undefined;
  before?.control.abort();
  if (before) show(before.id, false);
}

document.addEventListener("thread:changed", follow);
document.addEventListener("htmx:afterSwap", follow);
addEventListener("pagehide", stop);

/** The thread changed: the answer may have gone, or its button may be a new one. */
function follow() {
  if (!reading) return;
  if (document.getElementById(`m-${reading.id}`)) show(reading.id, true);
  else stop();
}

/**
 * @param {string} id
 * @param {boolean} pressed
 */
function show(id, pressed) {
  const button = find(`#m-${id} [data-action='read-aloud']`);
  if (!button) return;
  button.setAttribute("aria-pressed", String(pressed));
  button.title = t(pressed ? "stopReading" : "readAloud");
  button.setAttribute("aria-label", button.title);
}

/**
 * @param {string} id
 * @param {HTMLElement} body
 */
async function read(id, body) {
  const mine = { id, control: new AbortController() };
  reading = mine;
  const { signal } = mine.control;
  show(id, true);
  const text = wordsOf(body);
  const language = languageOf(text.join(" "));
  const parts = partsOf(text, language);
  if (!parts.length) toast(t("nothingToRead"));
  try {
    if (parts.length)
      await listen(parts, signal).catch((error) => {
        if (!isVoiceless(error)) throw error;
        return sayHere(parts, language, signal);
      });
  } catch (error) {
    if (!signal.aborted && error instanceof Error) {
      toast(error.name === "NotAllowedError" ? t("pressAgain") : error.message || t("noAnswer"));
    }
  }
  if (reading === mine) stop();
}

// --- What is read ------------------------------------------------------------------------------------------------------

/**
 * The words that one sees, block by block; code, formulas, pictures and footnotes are passed over.
 * @param {HTMLElement} body
 */
export function wordsOf(body) {
  const copy = /** @type {HTMLElement} */ (body.cloneNode(true));
  for (const part of all(SILENT, copy)) part.remove();
  for (const link of copy.querySelectorAll("a"))
    if (/^https?:/.test(link.textContent)) link.textContent = link.hostname;
  for (const cell of all(":is(td, th):not(:last-child)", copy)) cell.append(", ");
  for (const block of all(BLOCKS, copy)) {
    block.before(BREAK);
    block.after(BREAK);
  }
  const blocks = copy.textContent.split(BREAK).map((text) => text.replace(/\s+/g, " ").trim());
  return blocks.filter((text) => /[\p{L}\p{N}]/u.test(text)).map(ended);
}

/**
 * A heading or a list item ends like a sentence: a voice pauses there.
 * @param {string} text
 */
function ended(text) {
  if (!/[\p{L}\p{N}\p{Pe}\p{Pf}"'%]$/u.test(text)) return text;
  return text + (/[\u3040-\u9fff]$/.test(text) ? "。" : ".");
}

/**
 * Sentences, short ones together.
 * @param {string[]} blocks
 * @param {string} language
 */
export function partsOf(blocks, language) {
  /** @type {string[]} */
  const parts = [];
  let part = "";
  for (const sentence of blocks.flatMap((text) => sentencesOf(`${text} `, language))) {
    for (const piece of cut(sentence, parts.length || part ? LONGEST.other : LONGEST.first)) {
      if (part && weight(part) + weight(piece) > LIMITS[Math.min(parts.length, LIMITS.length - 1)]) {
        parts.push(part.trim());
        part = "";
      }
      part += piece;
    }
  }
  return part.trim() ? [...parts, part.trim()] : parts;
}

/**
 * @param {string} text
 * @param {string} language
 */
function sentencesOf(text, language) {
  if (!Intl.Segmenter) return text.match(/[^.!?。！？…]+[.!?。！？…]*["'”’」』)]*\s*|[\s\S]+/g) ?? [];
  return [...new Intl.Segmenter(language, { granularity: "sentence" }).segment(text)].map(({ segment }) => segment);
}

/** @param {string} text */
const weight = (text) => text.length + 2 * (text.match(WIDE)?.length ?? 0);

/**
 * A long sentence in pieces: behind a comma, else between words, else anywhere.
 * @param {string} sentence
 * @param {number} limit
 */
function cut(sentence, limit) {
  const pieces = [];
  while (weight(sentence) > limit) {
    const room = sentence.slice(0, Math.floor((limit * sentence.length) / weight(sentence)));
    const piece = room.match(/^[\s\S]*[,;:，；：、]\s*|^[\s\S]*\s/)?.[0] ?? room;
    pieces.push(piece);
    sentence = sentence.slice(piece.length);
  }
  return [...pieces, sentence];
}

/** @param {string} text */
export function languageOf(text) {
  const page = document.documentElement.lang;
  const script = SCRIPTS.find(([script]) => (text.match(script)?.length ?? 0) > text.length / 10);
  return script?.[1] ?? (/^(zh|ja|ko)/.test(page) ? "en" : page || "en");
}

// --- The site's voice --------------------------------------------------------------------------------------------------

/**
 * @param {string[]} parts
 * @param {AbortSignal} signal
 */
async function listen(parts, signal) {
  let next = fetchSound(parts[0], signal);
  for (let index = 0; index < parts.length && !signal.aborted; index += 1) {
    const sound = await next;
    if (index + 1 < parts.length) {
      next = fetchSound(parts[index + 1], signal);
      next.catch(() => {}); // it is reported when this part has been heard
    }
    await play(sound, signal);
  }
}

/**
 * @param {string} input
 * @param {AbortSignal} signal
 */
export async function fetchSound(input, signal) {
  const { speech: model, voice } = document.body.dataset;
  if (!model) throw new ApiError(0, { code: NOT_CONFIGURED[0] });
  const response = await fetch("/openai/audio/speech", {
    method: "POST",
    signal,
    headers: { "Content-Type": "application/json", "X-CSRFToken": token() },
    body: JSON.stringify({ model, voice, input }),
  });
  if (response.ok) return response.blob();
  throw new ApiError(response.status, problemIn(await response.text()));
}

/**
 * The message in a refusal. A proxy in front of the provider sends a page instead, of which the title tells.
 *
 * @param {string} body
 */
function problemIn(body) {
  try {
    /** @type {ErrorBody} */
    const { error } = JSON.parse(body);
    return { detail: error?.message ?? t("actionFailed"), code: error?.code };
  } catch {
    const title = new DOMParser().parseFromString(body, "text/html").title.trim();
    return { detail: [t("actionFailed"), title].filter(Boolean).join(" ") };
  }
}

/**
 * @param {Blob} sound
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
export async function play(sound, signal) {
  if (signal.aborted) return;
  const address = URL.createObjectURL(sound);
  /** @type {PromiseWithResolvers<void>} */
  const { promise, resolve, reject } = Promise.withResolvers();
  const end = () => {
    player.pause();
    player.removeAttribute("src"); // its address is about to end
    resolve();
  };
  player.onended = end;
  signal.addEventListener("abort", end);
  player.src = address;
  player.play().catch((error) => reject(error.name === "NotSupportedError" ? new Error(t("soundBroken")) : error));
  await promise.finally(() => URL.revokeObjectURL(address));
}

// --- The browser's voice -----------------------------------------------------------------------------------------------

/**
 * @param {string[]} parts
 * @param {string} language
 * @param {AbortSignal} signal
 */
export async function sayHere(parts, language, signal) {
  const voice = window.speechSynthesis;
  if (!voice) throw new Error(t("noVoice"));
  signal.addEventListener("abort", () => voice.cancel());
  voice.cancel(); // what another page left behind
  for (const part of parts) {
    if (signal.aborted) return;
    /** @type {PromiseWithResolvers<void>} */
    const { promise, resolve, reject } = Promise.withResolvers();
    signal.addEventListener("abort", () => resolve());
    utterance = Object.assign(new SpeechSynthesisUtterance(part), { lang: language, onend: () => resolve() });
    utterance.onerror = () => reject(new Error(t("noVoice")));
    voice.speak(utterance);
    await promise;
  }
}
