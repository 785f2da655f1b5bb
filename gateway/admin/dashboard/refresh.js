(() => {
  "use strict";
  const SECONDS = 10;
  const main = document.getElementById("main");
  const button = document.getElementById("refresh");
  const asOf = document.getElementById("as-of");
  const problem = document.getElementById("problem");
  if (!main.dataset.refreshes) return;
  const focusable = () => [...main.querySelectorAll("a, button, input, select, summary, [tabindex]")];
  let paused = false;
  const search = location.search.replace(/[?&]done=[a-z-]*/, "");
  history.replaceState(null, "", location.pathname + search + location.hash);
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
    asOf.textContent = page.getElementById("as-of").textContent;
    problem.textContent = "";
  };
  const refresh = async () => {
    if (isBusy()) return;
    try {
      const response = await fetch(location.href, { cache: "no-store", redirect: "manual" });
      if (response.type === "opaqueredirect") return location.reload();
      const text = await response.text();
      if (!response.ok) problem.textContent = "Not refreshed: the gateway reports an error.";
      else if (!isBusy()) swap(new DOMParser().parseFromString(text, "text/html"));
    } catch {
      problem.textContent = "Not refreshed: the gateway does not answer.";
    }
  };
  setInterval(refresh, SECONDS * 1000);
})();
