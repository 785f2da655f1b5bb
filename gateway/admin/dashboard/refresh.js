(() => {
  "use strict";
  const SECONDS = 10;
  const main = document.getElementById("main");
  const button = document.getElementById("refresh");
  if (!main.dataset.refreshes) return;
  const focusable = () => [...main.querySelectorAll("a, button, input, select, summary, [tabindex]")];
  let paused = false;
  history.replaceState(null, "", location.pathname + location.search.replace(/[?&]done=[a-z-]*/, ""));
  button.hidden = false;
  button.addEventListener("click", () => {
    paused = !paused;
    button.textContent = paused ? "Refresh again" : "Pause refreshing";
  });
  const isBusy = () => {
    const active = document.activeElement;
    return paused || document.hidden || (active && active.closest("main form")) || String(getSelection());
  };
  const swap = (page) => {
    const next = page.getElementById("main");
    if (!next || !next.dataset.refreshes) return location.reload();
    const place = focusable().indexOf(document.activeElement);
    const open = [...main.querySelectorAll("details")].map((each) => each.open);
    const scrolled = [...main.querySelectorAll(".table")].map((each) => each.scrollLeft);
    main.replaceChildren(...next.childNodes);
    main.querySelectorAll("details").forEach((each, number) => { each.open = open[number] || false; });
    main.querySelectorAll(".table").forEach((each, number) => { each.scrollLeft = scrolled[number] || 0; });
    if (place >= 0) focusable()[place]?.focus({ preventScroll: true });
    document.getElementById("as-of").textContent = page.getElementById("as-of").textContent;
  };
  const refresh = async () => {
    if (isBusy()) return;
    try {
      const response = await fetch(location.href, { cache: "no-store", redirect: "error" });
      const text = await response.text();
      if (response.ok && !isBusy()) swap(new DOMParser().parseFromString(text, "text/html"));
    } catch {
      document.getElementById("as-of").textContent += " (not refreshed: the gateway does not answer)";
      return;
    }
  };
  setInterval(refresh, SECONDS * 1000);
})();
