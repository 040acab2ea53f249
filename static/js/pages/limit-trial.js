// “Try this limit on last week”, below the form of a rate limit or a budget: what its values would have stopped.
import { byId, child } from "../common/dom.js";

const shown = byId("limit-trial");
const button = child(document, "#limit-trial-button", HTMLButtonElement);

/** @param {HTMLFormElement} form */
async function ask(form) {
  const values = new FormData(form);
  values.delete("_opened_with"); // nothing is saved, so nobody's changes can be overwritten
  const request = { method: "POST", body: values, headers: { "X-Part": "1" } };
  const answer = await fetch(button.dataset.url ?? "", request).catch(() => undefined);
  return answer?.ok ? answer.text() : undefined;
}

button.addEventListener("click", async () => {
  if (!button.form || button.getAttribute("aria-busy") === "true") return;
  button.setAttribute("aria-busy", "true");
  const html = await ask(button.form);
  button.removeAttribute("aria-busy");
  if (html === undefined) shown.textContent = shown.dataset.failed ?? "";
  else shown.innerHTML = html;
});
