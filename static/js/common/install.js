// What a browser keeps of this site, where somebody wanted that: the service worker, and how it tells what is ready.

export const KEY = "notices"; // of the local storage: "push" (the server tells this browser) or "page" (a page does)

/** The worker that shows notifications, takes what is shared, and has a page for when there is no network. */
export const register = () => navigator.serviceWorker?.register("/worker.js").catch(() => undefined);
