// Who writes down what was said: a model of the site, or the browser where the person chose that.
import { patch, token } from "../../common/api.js";
import { t } from "../../common/text.js";

/** The model that writes down; empty where there is none. */
const model = () => document.body.dataset.ear ?? "";

/** @returns {(new () => SpeechRecognition) | undefined} */
const Recognition = () => window.SpeechRecognition ?? window.webkitSpeechRecognition;

/** "site", "browser", "ask" where the browser could but nobody chose it, or "" where nobody can. */
export function listener() {
  if (document.body.dataset.listening === "browser" && Recognition()) return "browser";
  if (model()) return "site";
  return Recognition() ? "ask" : "";
}

/** The person lets the browser listen, from now on. */
export async function letBrowserListen() {
  document.body.dataset.listening = "browser";
  await patch("/api/v1/preferences", { listening: "browser" });
}

/**
 * → what was said in this recording; throws an Error with words for people.
 * @param {Blob} sound
 * @param {AbortSignal} [signal]
 */
export async function transcribe(sound, signal) {
  const form = new FormData();
  const suffix = sound.type.match(/^audio\/(\w+)/)?.[1] ?? "webm";
  form.append("file", sound, `speech.${suffix}`);
  form.append("model", model());
  form.append("response_format", "json");
  const request = { method: "POST", body: form, headers: { "X-CSRFToken": token() }, signal };
  const response = await fetch("/openai/audio/transcriptions", request).catch(() => undefined);
  if (!response) throw new Error(t("noAnswer"));
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(body.error?.message ?? body.detail ?? t("actionFailed"));
  return String(body.text ?? "").trim();
}

/**
 * Let the browser write down what is said, until it is quiet; → `{ text, stop }`.
 * @param {(text: string) => void} onWords what it understood so far
 */
export function recognise(onWords) {
  const Made = Recognition();
  if (!Made) throw new Error(t("noEar"));
  const recognition = new Made();
  recognition.lang = document.documentElement.lang;
  recognition.interimResults = true;
  recognition.continuous = true;
  let words = "";
  /** @type {PromiseWithResolvers<string>} */
  const { promise, resolve, reject } = Promise.withResolvers();
  recognition.onresult = ({ results }) => {
    words = [...results].map(([best]) => best.transcript).join("");
    onWords(words);
  };
  recognition.onerror = ({ error }) => {
    if (error === "no-speech" || error === "aborted") return;
    reject(new Error(t(error === "not-allowed" ? "micRefused" : "noEar")));
  };
  recognition.onend = () => resolve(words.trim());
  recognition.start();
  return { text: promise, stop: () => recognition.stop() };
}
