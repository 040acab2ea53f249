// Reads an answer aloud: through the site's speech endpoint, part by part so that it starts at once and the next part is on its
// way while one is heard; with the browser's own voice where the site has none. One answer at a time.
import { token } from "../common/api.js";
import { t } from "../common/text.js";
import { toast } from "../common/toast.js";

const LIMITS = [80, 200, 400]; // how long the first parts may be, then all; the first is short, so that it is there soon
const LONGEST = { first: 120, other: 400 }; // a sentence beyond that is cut at a comma
const SILENT = ".code, .math, .task-box, img";
const BLOCKS = "p, li, h2, h3, h4, h5, h6, blockquote, tr, hr, .table";
const BREAK = "\u2029";
const WIDE = /[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]/g; // takes about three times as long as a Latin letter
const SCRIPTS = [
  [/[\u3040-\u30ff]/g, "ja"],
  [/[\uac00-\ud7af]/g, "ko"],
  [/[\u4e00-\u9fff]/g, "zh-CN"],
];
const NOT_CONFIGURED = ["speech_not_configured", "connections_disabled"];

const player = new Audio();
let reading; // { id: of the message, control: AbortController }
let utterance; // held here: Chromium forgets one that nobody holds, and its end is never told

/** Read this answer; stop when it is the one that is being read. */
export function toggle(message) {
  const id = message.dataset.message;
  const again = reading?.id === id;
  stop();
  if (again) return;
  player.load(); // inside the press: Safari lets this player sound from now on
  read(id, message.querySelector("[data-part='body']"));
}

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

function show(id, pressed) {
  const button = document.querySelector(`#m-${id} [data-action='read-aloud']`);
  if (!button) return;
  button.setAttribute("aria-pressed", pressed);
  button.title = t(pressed ? "stopReading" : "readAloud");
  button.setAttribute("aria-label", button.title);
}

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
    await listen(parts, signal).catch((error) => {
      if (!NOT_CONFIGURED.includes(error.code)) throw error;
      return sayHere(parts, language, signal);
    });
  } catch (error) {
    if (!signal.aborted) toast(error.name === "NotAllowedError" ? t("pressAgain") : error.message || t("noAnswer"));
  }
  if (reading === mine) stop();
}

// --- What is read ------------------------------------------------------------------------------------------------------

/** The words that one sees, block by block; code, formulas and pictures are passed over. */
export function wordsOf(body) {
  const copy = body.cloneNode(true);
  for (const part of copy.querySelectorAll(SILENT)) part.remove();
  for (const link of copy.querySelectorAll("a"))
    if (/^https?:/.test(link.textContent)) link.textContent = link.hostname;
  for (const cell of copy.querySelectorAll(":is(td, th):not(:last-child)")) cell.append(", ");
  for (const block of copy.querySelectorAll(BLOCKS)) {
    block.before(BREAK);
    block.after(BREAK);
  }
  const blocks = copy.textContent.split(BREAK).map((text) => text.replace(/\s+/g, " ").trim());
  return blocks.filter((text) => /[\p{L}\p{N}]/u.test(text)).map(ended);
}

/** A heading or a list item ends like a sentence: a voice pauses there. */
const ended = (text) =>
  /[\p{L}\p{N}\p{Pe}\p{Pf}"'%]$/u.test(text) ? text + (/[\u3040-\u9fff]$/.test(text) ? "。" : ".") : text;

/** Sentences, short ones together. */
export function partsOf(blocks, language) {
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

function sentencesOf(text, language) {
  if (!Intl.Segmenter) return text.match(/[^.!?。！？…]+[.!?。！？…]*["'”’」』)]*\s*|[\s\S]+/g);
  return [...new Intl.Segmenter(language, { granularity: "sentence" }).segment(text)].map(({ segment }) => segment);
}

const weight = (text) => text.length + 2 * (text.match(WIDE)?.length ?? 0);

/** A long sentence in pieces: behind a comma, else between words, else anywhere. */
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

function languageOf(text) {
  const page = document.documentElement.lang;
  const found = SCRIPTS.find(([script]) => (text.match(script)?.length ?? 0) > text.length / 10);
  return found?.[1] ?? (/^(zh|ja|ko)/.test(page) ? "en" : page || "en");
}

// --- The site's voice --------------------------------------------------------------------------------------------------

async function listen(parts, signal) {
  let next = parts.length && fetchSound(parts[0], signal);
  for (let index = 0; index < parts.length && !signal.aborted; index += 1) {
    const sound = await next;
    if (index + 1 < parts.length) {
      next = fetchSound(parts[index + 1], signal);
      next.catch(() => {}); // its turn to be told comes when this part has been heard
    }
    await play(sound, signal);
  }
}

async function fetchSound(input, signal) {
  const { speech: model, voice } = document.body.dataset;
  if (!model) throw Object.assign(new Error(), { code: NOT_CONFIGURED[0] });
  const answer = await fetch("/openai/audio/speech", {
    method: "POST",
    signal,
    headers: { "Content-Type": "application/json", "X-CSRFToken": token() },
    body: JSON.stringify({ model, voice, input }),
  });
  if (answer.ok) return answer.blob();
  const { error = {} } = await answer.json().catch(() => ({}));
  throw Object.assign(new Error(error.message ?? t("actionFailed")), { code: error.code });
}

function play(sound, signal) {
  const address = URL.createObjectURL(sound);
  return new Promise((resolve, reject) => {
    if (signal.aborted) return resolve();
    player.onended = () => {
      player.pause();
      player.removeAttribute("src"); // its address is about to end
      resolve();
    };
    signal.addEventListener("abort", player.onended);
    player.src = address;
    player.play().catch((error) => reject(error.name === "NotSupportedError" ? new Error(t("soundBroken")) : error));
  }).finally(() => URL.revokeObjectURL(address));
}

// --- The browser's voice -----------------------------------------------------------------------------------------------

async function sayHere(parts, language, signal) {
  const voice = window.speechSynthesis;
  if (!voice) throw new Error(t("noVoice"));
  signal.addEventListener("abort", () => voice.cancel());
  voice.cancel(); // what another page left behind
  for (const part of parts) {
    if (signal.aborted) return;
    await new Promise((resolve, reject) => {
      signal.addEventListener("abort", resolve);
      utterance = Object.assign(new SpeechSynthesisUtterance(part), { lang: language, onend: resolve });
      utterance.onerror = () => reject(new Error(t("noVoice")));
      voice.speak(utterance);
    });
  }
}
