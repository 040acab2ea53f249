// Thumbs below an answer. A thumb counts at once; the reasons are asked for afterwards, and need not be given.
import { ApiError, part, put, remove, tellRefusal } from "../common/api.js";
import { all, child, closest, find, fragment } from "../common/dom.js";
import { t } from "../common/text.js";
import { announce } from "../common/toast.js";
import * as thread from "./thread.js";

/** @param {HTMLElement} message */
const address = (message) => thread.apiUrl(`/messages/${message.dataset.message}/feedback`);

/** @param {HTMLElement} message */
const thumbs = (message) => all("[data-action='rate']", message);

/**
 * @param {HTMLElement} message
 * @param {HTMLElement} button
 */
export async function rate(message, button) {
  const rating = button.dataset.rating ?? "";
  const takesBack = button.getAttribute("aria-pressed") === "true";
  try {
    await (takesBack ? remove(address(message)) : put(address(message), { rating }));
  } catch (error) {
    return tellRefusal(error);
  }
  for (const thumb of thumbs(message)) thumb.setAttribute("aria-pressed", String(thumb === button && !takesBack));
  close(message);
  if (takesBack) return announce(t("ratingRemoved"));
  announce(t("rated"));
  await ask(message, button);
}

/**
 * The form for the reasons.
 * @param {HTMLElement} message
 * @param {HTMLElement} button
 */
async function ask(message, button) {
  const html = await part(`/c/${thread.chatId()}/messages/${message.dataset.message}/feedback`).catch(() => undefined);
  if (html === undefined) return; // the thumb counts without
  close(message);
  const form = child(fragment(html), "form", HTMLFormElement);
  child(message, ".actions").after(form);
  find("input", form)?.focus();
  const end = () => {
    close(message);
    button.focus();
  };
  form.addEventListener("click", (event) => closest(event, "[data-feedback-close]") && end());
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    end();
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const chosen = new FormData(form);
    const reason = { reasons: chosen.getAll("reasons"), text: String(chosen.get("text") ?? "") };
    try {
      await put(address(message), { rating: button.dataset.rating, ...reason });
    } catch (error) {
      if (error instanceof ApiError) return tellRefusal(error);
      throw error;
    }
    end();
    announce(t("rated"));
  });
}

/** @param {HTMLElement} message */
const close = (message) => find("[data-feedback]", message)?.remove();
