// @ts-nocheck  The types of service workers exclude those of pages, which `tsc` checks here.
// The service worker: shows what is ready, keeps what another app shares, and a page for when there is no network. It
// keeps no page of anybody: all others come from the server.
const OFFLINE = "/offline";
const PAGES = "offline-1";
const SHARED = "shared";

self.addEventListener("install", (event) => {
  const page = new Request(OFFLINE, { cache: "reload", credentials: "omit" }); // as a stranger: it is nobody's
  const keep = caches.open(PAGES).then((cache) => cache.add(page));
  event.waitUntil(keep.then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method === "POST" && new URL(request.url).pathname === "/share") event.respondWith(keepShared(request));
  else if (request.mode === "navigate" && request.method === "GET") {
    event.respondWith(fetch(request).catch(() => caches.match(OFFLINE)));
  }
});

/** What another app shared waits in this browser until the page puts it into the field. */
async function keepShared(request) {
  const form = await request.formData();
  await caches.delete(SHARED); // what was shared before and not fetched does not go along
  const cache = await caches.open(SHARED);
  const text = ["title", "text", "url"]
    .map((name) => form.get(name))
    .filter((part) => typeof part === "string" && part);
  await cache.put("/shared/text", new Response([...new Set(text)].join("\n")));
  const files = form.getAll("files").filter((file) => file instanceof File && file.size);
  for (const [index, file] of files.slice(0, 20).entries()) {
    const headers = { "Content-Type": file.type, "X-Name": encodeURIComponent(file.name) };
    await cache.put(`/shared/file/${index}`, new Response(file, { headers }));
  }
  return Response.redirect("/?shared=1", 303);
}

self.addEventListener("push", (event) => {
  const { title, body, url, tag } = event.data.json();
  const options = { body, tag, data: { url }, icon: "/site/icon.svg", badge: "/site/icon.svg" };
  event.waitUntil(self.registration.showNotification(title, options));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(show(event.notification.data.url));
});

async function show(url) {
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const there = pages.find((page) => new URL(page.url).pathname === url) ?? pages[0];
  if (!there) return self.clients.openWindow(url);
  await there.focus();
  if (new URL(there.url).pathname !== url) await there.navigate(url).catch(() => self.clients.openWindow(url));
}
