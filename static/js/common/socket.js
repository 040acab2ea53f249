// The event socket: opens by itself, comes back by itself, and says so quietly while it is away.
import { byId } from "./dom.js";
import { t } from "./text.js";

const LONGEST_WAIT = 10_000;
const PING_EVERY = 30_000;
const PONG_WITHIN = 10_000;
const NOT_SIGNED_IN = 4401;
const TOO_MANY = 4429; // newer pages took this one's place: it comes back when somebody looks at it

/** @typedef {(event: SocketEvent, data: SocketData) => unknown} Listener */
/** @type {Map<string, Listener[]>} */
const listeners = new Map();
/** @type {(({ again }: { again: boolean }) => unknown)[]} */
const openListeners = [];
/** @type {WebSocket | undefined} */
let socket;
let attempts = 0;
let wasOpen = false;
/** @type {number | undefined} */
let retry;
let lastHeard = 0;

/**
 * Call `listener(event, data)` for every event of this type; "*" stands for all.
 * @param {string} type
 * @param {Listener} listener
 */
export function on(type, listener) {
  listeners.set(type, [...(listeners.get(type) ?? []), listener]);
}

/**
 * Call `listener` after each connect; `again` when it is not the first.
 * @param {({ again }: { again: boolean }) => unknown} listener
 */
export function onOpen(listener) {
  openListeners.push(listener);
}

/**
 * False when there is no connection: what matters is asked again when there is one.
 * @param {object} message
 */
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
    lastHeard = Date.now();
    showLost(false);
    for (const listener of openListeners) listener({ again: wasOpen });
    wasOpen = true;
  };
  opened.onmessage = ({ data }) => {
    lastHeard = Date.now();
    /** @type {SocketEvent} */
    const event = JSON.parse(data);
    for (const type of [event.data.type, "*"]) {
      for (const listener of listeners.get(type) ?? []) listener(event, event.data.data ?? {});
    }
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

/** @param {boolean} lost */
function showLost(lost) {
  const banner = byId("connection-lost");
  banner.hidden = !lost;
  banner.textContent = lost ? t("lost") : "";
}

function ping() {
  if (!send({ type: "ping" })) return;
  const asked = Date.now();
  const current = socket;
  setTimeout(() => lastHeard < asked && current?.close(), PONG_WITHIN); // a laptop that slept holds a dead connection
}

function comeBack() {
  if (socket) ping();
  else connect();
}

setInterval(ping, PING_EVERY);
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && comeBack());
addEventListener("focus", comeBack);
addEventListener("online", () => socket || connect());
