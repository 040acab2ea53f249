// What an answer used and cost, in its details: read when they are opened, from the receipt that they link to.
import { get } from "../common/api.js";
import { all } from "../common/dom.js";

const DIGITS = 4; // of a cost below one

/** @param {ToggleEvent} event */
async function fill(event) {
  const card = event.target;
  if (!(card instanceof HTMLElement) || !card.dataset.receipt || event.newState !== "open") return;
  const receipt = await get(card.dataset.receipt).catch(() => null); // without one nothing is known
  for (const part of all("[data-receipt-part]", card)) {
    const value = textOf(receipt, part.dataset.receiptPart ?? "");
    part.textContent = value || part.dataset.before || (part.dataset.unknown ?? "");
  }
}

/**
 * @param {Receipt | null} receipt
 * @param {string} name
 */
function textOf(receipt, name) {
  if (!receipt) return "";
  if (name !== "cost") return receipt.usage[name] ? number(receipt.usage[name]) : "";
  return receipt.cost === null ? "" : money(receipt.cost, receipt.currency);
}

/**
 * @param {number} value
 * @param {Intl.NumberFormatOptions} [format]
 */
const number = (value, format) => new Intl.NumberFormat(document.documentElement.lang, format).format(value);

/**
 * @param {number} cost
 * @param {string} currency
 */
function money(cost, currency) {
  const small = cost !== 0 && cost < 1;
  const format = small ? { maximumSignificantDigits: DIGITS } : { minimumFractionDigits: 2, maximumFractionDigits: 2 };
  return `${number(cost, format)} ${currency}`;
}

export function start() {
  document.addEventListener("toggle", fill, true); // it does not bubble
}
