// The event socket: opens by itself, comes back by itself, and says so quietly while it is away.
import { t } from "./text.js";

const LONGEST_WAIT = 10_000;
const PING_EVERY = 30_000;
const PONG_WITHIN = 10_000;
const NOT_SIGNED_IN = 4401;
const TOO_MANY = 4429; // newer pages took this one's place: it comes back when somebody looks at it

const listeners = new Map();
let socket;
let attempts = 0;
let wasOpen = false;
let retry;
let heard = 0;

/** Call `listener(event, data)` for every event of this type; "open" after each (re)connect, with {again}. */
export function on(type, listener) {
  if (!listeners.has(type)) listeners.set(type, []);
  listeners.get(type).push(listener);
}

function tell(type, ...args) {
  for (const listener of listeners.get(type) ?? []) listener(...args);
}

/** False when there is no connection: what matters is asked again on "open". */
export function send(message) {
  if (socket?.readyState !== WebSocket.OPEN) return false;
  socket.send(JSON.stringify(message));
  return true;
}

export function connect() {
  clearTimeout(retry);
  const opened = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/events`);
  socket = opened;
  opened.onopen = () => {
    attempts = 0;
    heard = Date.now();
    showLost(false);
    tell("open", { again: wasOpen });
    wasOpen = true;
  };
  opened.onmessage = ({ data }) => {
    heard = Date.now();
    const event = JSON.parse(data);
    tell(event.data.type, event, event.data.data);
    tell("*", event, event.data.data);
  };
  opened.onclose = ({ code }) => {
    if (socket !== opened) return;
    socket = undefined;
    if (code === NOT_SIGNED_IN) return location.reload();
    if (code === TOO_MANY) return showLost(true);
    attempts += 1;
    if (attempts > 1) showLost(true);
    retry = setTimeout(connect, Math.min(LONGEST_WAIT, 300 * 2 ** attempts) * (0.7 + Math.random() * 0.6));
  };
}

function showLost(lost) {
  const banner = document.getElementById("connection-lost");
  banner.hidden = !lost;
  banner.textContent = lost ? t("lost") : "";
}

function ping() {
  if (!send({ type: "ping" })) return;
  const asked = Date.now();
  const asking = socket;
  setTimeout(() => heard < asked && asking.close(), PONG_WITHIN); // a laptop that slept holds a dead connection
}

function comeBack() {
  if (socket) ping();
  else connect();
}

setInterval(ping, PING_EVERY);
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && comeBack());
addEventListener("focus", comeBack);
addEventListener("online", () => socket || connect());
