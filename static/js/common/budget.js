// The line about budgets that are nearly used up: asked for anew when an answer or a picture has ended.
import { part } from "./api.js";

export async function look() {
  const url = document.getElementById("budget-warning")?.dataset.url;
  if (!url) return; // no budget warns anybody
  const html = await part(url).catch(() => undefined);
  const line = document.getElementById("budget-warning"); // the page may show another chat by now
  if (line && html !== undefined && line.innerHTML !== html) line.innerHTML = html.trim();
}
