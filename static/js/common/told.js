// Being told that something is ready elsewhere: a count in the title of the tab, and a notification where that was
// allowed in the settings. The server is told whether somebody looks at this page: devices are told only otherwise.
import { newId } from "./ids.js";
import { KEY, register } from "./install.js";
import { on, onOpen, send } from "./socket.js";
import { t } from "./text.js";

const LOOK_EVERY = 25_000;
const tab = newId();
/** @type {Map<string, string>} */
const ready = new Map(); // what is ready → the address where it can be seen

export function start() {
  on("chat:completion", ({ chat_id: chat, message_id: id = "" }, { done, status }) => {
    if (done && status === "done" && chat) isReady(id, `/c/${chat}`, "answerReady");
  });
  on("image:job", (_event, { id = "", state }) => {
    if (state === "succeeded") isReady(id, "/images", "pictureReady");
  });
  document.addEventListener("visibilitychange", look);
  document.addEventListener("htmx:afterSwap", look);
  document.addEventListener("htmx:historyRestore", look);
  onOpen(tellLooking);
  setInterval(() => document.hidden || tellLooking(), LOOK_EVERY);
  new MutationObserver(count).observe(document.head, { childList: true, subtree: true, characterData: true });
  if (localStorage.getItem(KEY) || matchMedia("(display-mode: standalone)").matches) register();
  addEventListener("appinstalled", register);
}

const tellLooking = () => send({ type: "looking", tab, visible: !document.hidden });

/** @param {string} address */
const isSeen = (address) => !document.hidden && location.pathname === address;

/**
 * @param {string} id
 * @param {string} address
 * @param {string} words the name of a text
 */
function isReady(id, address, words) {
  if (isSeen(address)) return;
  ready.set(id, address);
  count();
  if (document.hidden && localStorage.getItem(KEY) === "page") show(id, address, t(words));
}

/**
 * @param {string} tag
 * @param {string} address
 * @param {string} title
 */
async function show(tag, address, title) {
  if (!("Notification" in window) || Notification.permission !== "granted") return;
  const worker = await navigator.serviceWorker?.getRegistration();
  const options = { tag, icon: "/site/icon.svg", data: { url: address } };
  if (worker) return worker.showNotification(title, options); // phones know no other way
  const notification = new Notification(title, options);
  notification.onclick = () => {
    window.focus();
    location.assign(address);
  };
}

/** Somebody looks, or elsewhere: what is seen is no longer counted. */
function look() {
  tellLooking();
  for (const [id, address] of ready) if (isSeen(address)) ready.delete(id);
  count();
}

function count() {
  const plain = document.title.replace(/^\(\d+\) /, "");
  const wanted = ready.size ? `(${ready.size}) ${plain}` : plain;
  if (document.title !== wanted) document.title = wanted;
}
