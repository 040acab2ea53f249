// The switch for notifications in this browser: through a push service where there is one, else while a page is open.
import { get, post, remove, tellRefusal } from "../common/api.js";
import { byId } from "../common/dom.js";
import { KEY, register } from "../common/install.js";

const PATIENCE = 15_000; // milliseconds
const section = byId("this-device");
const on = byId("device-on", HTMLButtonElement);
const off = byId("device-off", HTMLButtonElement);

function show() {
  const how = localStorage.getItem(KEY);
  const can = "Notification" in window && "serviceWorker" in navigator;
  const denied = can && Notification.permission === "denied";
  const state = !can ? "none" : denied ? "denied" : how === "push" ? "on" : how === "page" ? "page" : "off";
  byId("device-state").textContent = section.dataset[state] ?? "";
  on.hidden = state !== "off";
  off.hidden = state !== "on" && state !== "page";
}

async function switchOn() {
  if ((await Notification.requestPermission()) !== "granted") return show();
  await register();
  const worker = await navigator.serviceWorker.ready;
  localStorage.setItem(KEY, "page");
  const { public_key: key } = await get("/api/v1/push/key");
  const options = { userVisibleOnly: true, applicationServerKey: key };
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE));
  const asked = worker.pushManager?.subscribe(options).catch(() => undefined);
  const subscription = await Promise.race([asked, late]); // a browser without a service, or out of its reach
  if (!subscription) return show();
  const device = await post("/api/v1/push/devices", subscription.toJSON());
  localStorage.setItem(KEY, "push");
  localStorage.setItem(`${KEY}-device`, device.id);
  location.reload(); // the list has one more
}

async function switchOff() {
  const worker = await navigator.serviceWorker.getRegistration();
  const subscription = await worker?.pushManager?.getSubscription();
  await subscription?.unsubscribe();
  const device = localStorage.getItem(`${KEY}-device`);
  localStorage.removeItem(KEY);
  localStorage.removeItem(`${KEY}-device`);
  if (!device) return show();
  await remove(`/api/v1/push/devices/${device}`).catch(() => {}); // it may have been removed elsewhere
  location.reload();
}

on.addEventListener("click", () => switchOn().catch(tellRefusal));
off.addEventListener("click", () => switchOff().catch(tellRefusal));
show();
