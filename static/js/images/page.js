// The page of pictures: puts its parts together. Links of the sidebar are plain links here, there is no htmx.

import * as sidebar from "../chat/sidebar.js";
import { setTimeZone } from "../common/cookies.js";
import * as socket from "../common/socket.js";
import { watchTheme } from "../common/theme.js";
import * as form from "./form.js";
import * as gallery from "./gallery.js";
import * as view from "./gallery-view.js";
import * as jobs from "./jobs.js";

const isMac = /Mac|iPhone|iPad/.test(navigator.platform);
const isWriting = (target) => target.matches("input:not([type='radio'], [type='range']), textarea, select");
const keys = document.getElementById("keys-dialog");

setTimeZone();

sidebar.start();
watchTheme();
document.getElementById("search").addEventListener("input", sidebar.refresh);
if (isMac) for (const key of document.querySelectorAll("kbd[data-mac]")) key.textContent = key.dataset.mac;
document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-action='keys']")) return;
  document.getElementById("account-menu").hidePopover();
  keys.showModal();
});
document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing) return;
  const command = (isMac ? event.metaKey : event.ctrlKey) && !event.altKey;
  const key = event.key.toLowerCase();
  if (document.querySelector("dialog:modal")) return;
  if (command && !event.shiftKey && key === "k") sidebar.focusSearch();
  else if (command && event.shiftKey && key === "o") location.assign("/");
  else if (key === "?" && !isWriting(event.target)) keys.showModal();
  else return;
  event.preventDefault();
});

if (document.getElementById("draw")) form.start();
if (document.getElementById("gallery")) {
  jobs.start();
  gallery.start();
  view.start();
}
socket.connect();
