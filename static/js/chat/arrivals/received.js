// What another app shared with this one (the service worker kept it): its text and files stand in a new message.
import * as attachments from "../attachments.js";
import * as composer from "../composer.js";

export async function take() {
  history.replaceState(history.state, "", location.pathname);
  const cache = await caches.open("shared");
  const items = await Promise.all(
    (await cache.keys()).map(async (request) => {
      const response = await cache.match(request);
      return (
        response && { path: new URL(request.url).pathname, headers: response.headers, blob: await response.blob() }
      );
    }),
  );
  await caches.delete("shared");
  const files = [];
  for (const item of items) {
    if (item?.path === "/shared/text") composer.write(await item.blob.text());
    else if (item) {
      const name = decodeURIComponent(item.headers.get("X-Name") ?? "file");
      files.push(new File([item.blob], name, { type: item.headers.get("Content-Type") ?? "" }));
    }
  }
  if (files.length) attachments.add(files);
}
