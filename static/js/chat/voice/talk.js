// Hands-free: it listens until one is silent, sends what was said, and reads the answer aloud while it comes. Speaking, or
// the space bar, interrupts it.
import { all, child, clone, partOf } from "../../common/dom.js";
import { t } from "../../common/text.js";
import { toast } from "../../common/toast.js";
import * as composer from "../composer.js";
import * as thread from "../thread.js";
import { openMicrophone } from "./recorder.js";
import * as speak from "./speak.js";
import { listener, transcribe } from "./transcribe.js";

/** @typedef {import("./recorder.js").Microphone} Microphone */

const LOOK = 60; // milliseconds between two looks at the level
const SPEECH = { louder: 3, least: 0.015, begins: 180, ends: 1200 }; // against the noise of the room; milliseconds
const INTERRUPTION = { louder: 4, least: 0.04, begins: 360 }; // the loudspeaker may be heard too
const RESTART = 15_000; // milliseconds of silence after which a recording begins anew
const LONGEST = 120_000; // milliseconds that somebody may speak

/** Opens the dialog; → when it is over. */
export async function open() {
  if (listener() !== "site") return toast(t("talkNeedsModel"));
  speak.stop();
  speak.unlock(); // inside the press
  let microphone;
  try {
    microphone = await openMicrophone();
  } catch (error) {
    return toast(error instanceof Error ? error.message : t("micBusy"));
  }
  const talk = new Talk(microphone);
  await talk.run();
}

class Talk {
  /** @param {Microphone} microphone */
  constructor(microphone) {
    this.microphone = microphone;
    this.dialog = /** @type {HTMLDialogElement} */ (clone("talk-template"));
    this.isOver = false;
    this.isPaused = false;
    this.noise = 0.005;
    this.loudFor = 0;
    this.turn = new AbortController(); // ended by an interruption, a pause, the end
    document.body.append(this.dialog);
    this.dialog.addEventListener("close", () => this.end());
    this.dialog.addEventListener("click", ({ target }) => {
      const pressed = target instanceof Element ? target.closest("[data-talk]") : undefined;
      if (!(pressed instanceof HTMLElement)) return;
      if (pressed.dataset.talk === "end") this.dialog.close();
      else this.pause(!this.isPaused);
    });
    this.dialog.addEventListener("keydown", (event) => {
      if (event.key !== " " || (event.target instanceof HTMLButtonElement && this.state !== "speaking")) return;
      event.preventDefault();
      if (this.state === "speaking" || this.state === "thinking") this.interrupt();
    });
    this.dialog.showModal();
    keepAwake().then((lock) => {
      this.lock = lock;
      if (this.isOver) lock?.release();
    });
  }

  /**
   * @param {string} state listening, hearing, writing, thinking, speaking, paused
   * @param {string} [words]
   */
  show(state, words) {
    this.state = state;
    this.dialog.dataset.state = state;
    const name = partOf(this.dialog, "state");
    if (name.textContent !== t(`talk-${state}`)) name.textContent = t(`talk-${state}`);
    if (words !== undefined) partOf(this.dialog, "words").textContent = words;
  }

  end() {
    if (this.isOver) return;
    this.isOver = true;
    this.turn.abort();
    this.microphone.close();
    this.lock?.release();
    this.dialog.remove();
    composer.area().focus();
  }

  /** @param {boolean} isPaused */
  pause(isPaused) {
    this.isPaused = isPaused;
    partOf(this.dialog, "pause").textContent = t(isPaused ? "goOn" : "pause");
    if (isPaused) this.turn.abort();
    else this.resume?.();
  }

  interrupt() {
    this.turn.abort();
    if (thread.runningId()) composer.stop();
  }

  async run() {
    this.show("listening", "");
    while (!this.isOver) {
      this.turn = new AbortController();
      try {
        await this.oneTurn(this.turn.signal);
      } catch (error) {
        if (this.isOver) return;
        if (!this.turn.signal.aborted) {
          this.show("paused", error instanceof Error ? error.message : t("actionFailed"));
          this.pause(true);
        }
      }
      if (this.isPaused && !this.isOver) await this.waitWhilePaused();
    }
  }

  async waitWhilePaused() {
    this.show("paused");
    await new Promise((resolve) => {
      this.resume = () => resolve(undefined);
      this.dialog.addEventListener("close", () => resolve(undefined), { once: true });
    });
  }

  /** @param {AbortSignal} signal */
  async oneTurn(signal) {
    const sound = await this.hear(signal);
    if (!sound || signal.aborted) return;
    this.show("writing");
    const question = await transcribe(sound, signal);
    if (!question || signal.aborted) return;
    this.show("thinking", question);
    const before = answers().at(-1)?.id;
    await composer.submit(question);
    const answer = answers().at(-1);
    if (!answer || answer.id === before) throw new Error(t("notSent"));
    await this.readAloud(answer.dataset.message ?? "", signal);
  }

  /**
   * → what somebody said, after they fell silent; nothing when the turn was ended.
   * @param {AbortSignal} signal
   * @returns {Promise<Blob | undefined>}
   */
  async hear(signal) {
    this.show("listening");
    let recording = this.microphone.record();
    let [began, spokeSince, lastLoud] = [Date.now(), 0, 0];
    this.loudFor = 0;
    while (!signal.aborted) {
      await pause(LOOK);
      const now = Date.now();
      const isLoud = this.look(SPEECH);
      if (isLoud) lastLoud = now;
      if (!spokeSince && this.loudFor >= SPEECH.begins) {
        spokeSince = now;
        this.show("hearing", "");
      }
      if (spokeSince && (now - lastLoud > SPEECH.ends || now - spokeSince > LONGEST)) return recording.stop();
      if (!spokeSince && now - began > RESTART) {
        recording.cancel();
        recording = this.microphone.record();
        began = now;
      }
    }
    recording.cancel();
    return undefined;
  }

  /**
   * Look at the level, and learn how loud the room is; → whether somebody speaks.
   * @param {{ louder: number, least: number }} than
   */
  look({ louder, least }) {
    const level = this.microphone.level();
    partOf(this.dialog, "orb").style.setProperty("--level", String(Math.min(1, level * 6)));
    const isLoud = level > Math.max(least, this.noise * louder);
    this.loudFor = isLoud ? this.loudFor + LOOK : Math.max(0, this.loudFor - LOOK / 2);
    if (!isLoud) this.noise = Math.min(0.05, this.noise * 0.95 + level * 0.05);
    return isLoud;
  }

  /**
   * Read an answer while it comes, sentence by sentence.
   * @param {string} id
   * @param {AbortSignal} signal
   */
  async readAloud(id, signal) {
    const isRunning = () => thread.runningId() === id;
    /** @type {Map<number, Promise<Blob | undefined>>} */
    const sounds = new Map();
    const part = async (/** @type {number} */ index) => {
      for (;;) {
        const { parts, language } = partsOf(id);
        const isWhole = !isRunning();
        if (index < parts.length - (isWhole ? 0 : 1)) return { text: parts[index], language };
        if (isWhole || signal.aborted) return undefined;
        await pause(120);
      }
    };
    const fetched = (/** @type {number} */ index, /** @type {string} */ text) => {
      const before = sounds.get(index);
      if (before) return before;
      const sound = speak.fetchSound(text, signal).catch((error) => {
        if (speak.isVoiceless(error)) return undefined;
        throw error;
      });
      sound.catch(() => {}); // it is reported when its turn comes
      sounds.set(index, sound);
      return sound;
    };
    const watch = setInterval(() => {
      this.look(INTERRUPTION);
      if (this.state === "speaking" && this.loudFor >= INTERRUPTION.begins) this.interrupt();
    }, LOOK);
    try {
      for (let index = 0; !signal.aborted; index += 1) {
        const sentence = await part(index);
        if (!sentence || signal.aborted) break;
        const sound = await fetched(index, sentence.text);
        part(index + 1).then((next) => {
          if (next && sound && !signal.aborted) fetched(index + 1, next.text);
        });
        if (signal.aborted) break;
        this.loudFor = 0;
        this.show("speaking", sentence.text);
        if (sound) await speak.play(sound, signal);
        else await speak.sayHere([sentence.text], sentence.language, signal);
      }
    } finally {
      clearInterval(watch);
    }
    const failure = document.querySelector(`#m-${CSS.escape(id)} .error-title`)?.textContent;
    if (failure && !signal.aborted) throw new Error(failure);
  }
}

const answers = () => all(".message.assistant[data-message]", thread.element());

/** @param {string} id of an answer */
function partsOf(id) {
  const article = document.getElementById(`m-${id}`);
  if (!article) return { parts: [], language: "en" };
  const words = speak.wordsOf(child(article, "[data-part='body']"));
  const language = speak.languageOf(words.join(" "));
  return { parts: speak.partsOf(words, language), language };
}

/** @param {number} milliseconds */
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Somebody who only speaks touches nothing, and the screen would go dark. */
const keepAwake = async () => navigator.wakeLock?.request("screen").catch(() => undefined);
