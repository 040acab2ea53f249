// What Unfold's pages lack for screen readers: a main landmark, names for its two scrolling regions and for search boxes.
// Unfold loads it as a plain script, which cannot import.
function nameParts() {
  document.getElementById("main")?.setAttribute("role", "main");
  document.querySelectorAll(".simplebar-content-wrapper[role='region']").forEach((region, index) => {
    const name = region.closest("#nav-sidebar-apps") ? "navigation" : `content ${index}`;
    if (region.getAttribute("aria-label") !== name) region.setAttribute("aria-label", name);
  });
  for (const box of document.querySelectorAll(".select2-search__field:not([aria-label])")) {
    const select = box.closest(".select2-container")?.previousElementSibling;
    const label = select?.id ? document.querySelector(`label[for="${CSS.escape(select.id)}"]`) : undefined;
    box.setAttribute("aria-label", label?.textContent.trim() || select?.getAttribute("name") || "Search");
  }
}

document.addEventListener("DOMContentLoaded", () => {
  nameParts();
  // Select2 and simplebar come later, and again with every inline row.
  new MutationObserver(nameParts).observe(document.body, { childList: true, subtree: true });
});
