// Dictation: a tap begins and a tap ends it, or one holds the button while one speaks. The text lands in the field.
import { tellRefusal } from "../../common/api.js";
import { byId, child, clone, closest, find, partOf } from "../../common/dom.js";
import { t } from "../../common/text.js";
import { toast } from "../../common/toast.js";
import * as composer from "../composer.js";
import { openMicrophone } from "./recorder.js";
import { letBrowserListen, listener, recognise, transcribe } from "./transcribe.js";

const HELD = 600; // milliseconds after which letting go ends what was said
const LONGEST = 300; // seconds
const AUDIBLE = 0.01; // of a level: below it nobody spoke

/** @typedef {{ end(isKept: boolean): void }} Dictation */
/** @type {Dictation | undefined} */
let current;
let isOpening = false;
let began = 0; // of the press that began it

/**
 * One of the buttons was pressed: by pointer (pointerdown, then click) or by keyboard (click).
 * @param {Event} event
 */
export function pressed(event) {
  const action = closest(event, "[data-action]")?.dataset.action;
  const byKey = event instanceof MouseEvent && event.detail === 0;
  if (action === "end-dictation" || action === "drop-dictation") {
    if (event.type === "click") current?.end(action === "end-dictation");
  } else if (event.type === "pointerdown" ? !current : byKey && !current) begin(event.timeStamp);
  else if (event.type === "click" && (byKey || event.timeStamp - began > HELD)) current?.end(true);
}

addEventListener("pointerup", ({ timeStamp }) => {
  const wasHeld = holds && began && timeStamp - began > HELD;
  holds = false;
  if (wasHeld) current?.end(true);
});
addEventListener("pointercancel", () => {
  holds = false;
});
let holds = false; // the button is down since it began
document.addEventListener(
  "keydown",
  (event) => {
    if (event.key !== "Escape" || !current) return;
    event.preventDefault();
    event.stopPropagation();
    current.end(false);
  },
  true,
);
document.addEventListener("htmx:beforeSwap", ({ target }) => target.id === "main" && current?.end(false));

/**
 * @param {number} moment
 * @returns {Promise<void>}
 */
async function begin(moment) {
  if (isOpening) return;
  const who = listener();
  if (who === "") return toast(t("noEar"));
  if (who === "ask") return toast(t("browserMayListen"), { label: t("letBrowserListen"), run: chooseBrowser });
  isOpening = holds = true;
  began = moment;
  try {
    current = who === "browser" ? byBrowser() : await bySite();
  } catch (error) {
    toast(error instanceof Error ? error.message : t("micBusy"));
  } finally {
    isOpening = false;
  }
}

const chooseBrowser = () => letBrowserListen().then(() => begin(0), tellRefusal);

const button = () => find("[data-action='dictate']");

/** The strip that shows that somebody is heard. */
function showStrip() {
  const strip = clone("dictation-template");
  byId("composer").classList.add("dictating");
  byId("composer").append(strip);
  button()?.setAttribute("aria-pressed", "true");
  child(strip, "[data-action='end-dictation']").focus();
  return strip;
}

/** @param {HTMLElement} strip */
function hideStrip(strip) {
  strip.remove();
  byId("composer").classList.remove("dictating");
  button()?.setAttribute("aria-pressed", "false");
  current = undefined;
  began = 0;
  holds = false;
}

async function bySite() {
  const microphone = await openMicrophone();
  const recording = microphone.record();
  const strip = showStrip();
  partOf(strip, "words").textContent = t("listening");
  const drawLevel = painter(child(strip, "canvas", HTMLCanvasElement));
  const start = Date.now();
  let loudest = 0;
  const timer = setInterval(() => {
    const level = microphone.level();
    loudest = Math.max(loudest, level);
    drawLevel(level);
    const seconds = Math.floor((Date.now() - start) / 1000);
    partOf(strip, "time").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    if (seconds >= LONGEST) {
      toast(t("dictationTooLong", { n: LONGEST / 60 }));
      dictation.end(true);
    }
  }, 60);
  const control = new AbortController();
  let isOver = false;
  const dictation = {
    /** @param {boolean} isKept */
    async end(isKept) {
      if (isOver) {
        if (!isKept) control.abort(); // it is being written down
        return;
      }
      isOver = true;
      clearInterval(timer);
      try {
        const sound = await recording.stop().finally(() => microphone.close());
        if (!isKept) return;
        if (loudest < AUDIBLE) throw new Error(t("nothingHeard"));
        strip.classList.add("dictation-waits");
        partOf(strip, "words").textContent = t("writingDown");
        keep(await transcribe(sound, control.signal));
      } catch (error) {
        if (!control.signal.aborted) toast(error instanceof Error ? error.message : t("actionFailed"));
      } finally {
        hideStrip(strip);
        composer.area().focus();
      }
    },
  };
  recording.ended.then(() => dictation.end(true)); // also where the microphone was unplugged
  return dictation;
}

function byBrowser() {
  const strip = showStrip();
  const words = partOf(strip, "words");
  words.textContent = t("listening");
  let isWanted = true;
  /** @type {ReturnType<typeof recognise>} */
  let recognition;
  try {
    recognition = recognise((transcript) => {
      words.textContent = transcript;
    });
  } catch (error) {
    hideStrip(strip);
    throw error;
  }
  const { text, stop } = recognition;
  text
    .then((transcript) => isWanted && keep(transcript))
    .catch((error) => toast(error.message))
    .finally(() => hideStrip(strip));
  return {
    /** @param {boolean} isKept */
    end(isKept) {
      isWanted = isKept;
      stop();
    },
  };
}

/** @param {string} text */
function keep(text) {
  if (!text) throw new Error(t("nothingHeard"));
  composer.insert(text);
}

/**
 * → draws the last seconds of levels, newest at the right.
 * @param {HTMLCanvasElement} canvas
 */
function painter(canvas) {
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const ratio = devicePixelRatio;
  canvas.width = canvas.clientWidth * ratio;
  canvas.height = canvas.clientHeight * ratio;
  /** @type {number[]} */
  const levels = [];
  const step = 4 * ratio;
  return (/** @type {number} */ level) => {
    levels.push(level);
    if (levels.length > canvas.width / step) levels.shift();
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.fillStyle = getComputedStyle(canvas).color;
    levels.forEach((value, index) => {
      const height = Math.max(2 * ratio, Math.min(1, value * 5) * canvas.height);
      const x = canvas.width - (levels.length - index) * step;
      context.fillRect(x, (canvas.height - height) / 2, step / 2, height);
    });
  };
}
