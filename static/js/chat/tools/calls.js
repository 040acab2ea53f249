// Calls of tools while an answer is written: what was called stands folded, and what waits for a permission asks for it.
import { post, tellRefusal } from "../../common/api.js";
import { all, clone, find, partOf } from "../../common/dom.js";

/**
 * @param {HTMLElement} element
 * @param {Step[]} history
 */
export function showCalls(element, history) {
  if (!element.isConnected || element.closest("[data-status='done']")) return;
  find(":scope > details.made", element)?.remove(); // of a page that was loaded meanwhile: it lists them too
  const ended = history.filter((step) => step.call && step.done && !step.approval && !step.error);
  for (const step of ended.slice(all(":scope > .call", element).length)) {
    const { arguments: given, result = "" } = /** @type {NonNullable<Step["call"]>} */ (step.call);
    const shown = clone("call-template");
    partOf(shown, "call-text").textContent = step.description ?? "";
    fill(partOf(shown, "call-arguments"), given);
    fill(partOf(shown, "call-result"), result);
    element.insertBefore(shown, find(".now", element));
  }
  const last = history.at(-1);
  const card = find("[data-part='approval']", element);
  const asked = last?.approval && !last.done ? last.approval.id : "";
  if (card && card.dataset.question !== asked) card.remove();
  if (asked && card?.dataset.question !== asked) element.append(question(element, /** @type {Step} */ (last), asked));
}

/**
 * @param {HTMLElement} part
 * @param {string} text
 */
function fill(part, text) {
  part.textContent = text;
  const around = part.parentElement;
  if (around) around.hidden = !text;
}

/**
 * @param {HTMLElement} element
 * @param {Step} step
 * @param {string} asked
 */
function question(element, step, asked) {
  const card = clone("approval-template");
  card.dataset.question = asked;
  partOf(card, "approval-text").textContent = step.description ?? "";
  const given = partOf(card, "approval-arguments");
  given.textContent = step.call?.arguments ?? "";
  given.hidden = !given.textContent;
  const buttons = /** @type {HTMLButtonElement[]} */ (all("[data-decision]", card));
  card.addEventListener("click", async ({ target }) => {
    const button = /** @type {HTMLElement} */ (target).closest("[data-decision]");
    if (!(button instanceof HTMLElement)) return;
    for (const choice of buttons) choice.disabled = true;
    const message_id = element.closest("article")?.dataset.message;
    try {
      await post("/api/v1/tools/decisions", { message_id, question: asked, decision: button.dataset.decision });
    } catch (error) {
      for (const choice of buttons) choice.disabled = false;
      tellRefusal(error);
    }
  });
  return card;
}
