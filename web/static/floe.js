"use strict";
// Ages tick, times are local, and changes are fetched at once. Without it, people reload the page.
(() => {
  const units = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const skew = Date.parse(document.body.dataset.now) - Date.now();

  function tick() {
    localize();
    for (const time of document.querySelectorAll("time[data-ago]")) {
      const seconds = (Date.now() + skew - Date.parse(time.dateTime)) / 1000;
      const unit = units.find(([size]) => seconds >= size);
      const text = unit ? `${Math.floor(seconds / unit[0])} ${unit[1]} ago` : "now";
      if (time.textContent !== text) time.textContent = text;
    }
  }
  setInterval(tick, 1000);

  const zoned = new Intl.DateTimeFormat(undefined, {
    year: "numeric", month: "short", day: "numeric",
    hour: "2-digit", minute: "2-digit", timeZoneName: "short",
  });
  // Ages show the local time in their tooltip; other times show it, and UTC in the tooltip.
  function localize() {
    for (const time of document.querySelectorAll("time:not([data-local])")) {
      const local = zoned.format(new Date(time.dateTime));
      time.dataset.local = "";
      if ("ago" in time.dataset) time.title = local;
      else [time.title, time.textContent] = [time.textContent, local];
    }
  }
  localize();
  document.addEventListener("htmx:afterSwap", localize);

  let pending = new Set();
  let timer = null;
  function moved(change) {
    pending.add(change);
    timer = timer || setTimeout(() => {
      const changes = pending;
      pending = new Set();
      timer = null;
      htmx.trigger(document.body, "floe:moved");
      for (const each of changes) htmx.trigger(document.body, `floe:${each}`);
    }, 200);
  }

  function watch() {
    const source = new EventSource("/events");
    source.addEventListener("open", () => { document.body.dataset.watching = "events"; });
    source.addEventListener("moved", (event) => moved(JSON.parse(event.data).change));
    source.addEventListener("error", () => {
      document.body.dataset.watching = "polling";
      if (source.readyState === EventSource.CLOSED) setTimeout(watch, 30000);
    });
  }
  if (document.querySelector("[data-live]")) watch();

  // The opened parts and the typed text stay when their part of the page is fetched again.
  const opened = new Set();
  document.addEventListener("toggle", ({ target }) => {
    if (target.open) opened.add(target.id);
    else opened.delete(target.id);
  }, true);
  let typed = [];
  let focused = "";
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    const fields = [...detail.target.querySelectorAll("textarea[id], input[id]")];
    typed = fields.filter((each) => each.value !== each.defaultValue);
    focused = detail.target.contains(document.activeElement) ? document.activeElement.id : "";
  });
  document.addEventListener("htmx:afterSwap", () => {
    for (const id of opened) {
      const part = document.getElementById(id);
      if (part) part.open = true;
    }
    for (const { id, value } of typed) {
      const field = document.getElementById(id);
      if (field) field.value = value;
    }
    if (focused) document.getElementById(focused)?.focus();
  });

  // The address keeps the search, for reloading and sharing.
  const find = document.querySelector(".find");
  if (find) find.addEventListener("input", () => {
    const given = [...new FormData(find)].filter(([, value]) => value);
    history.replaceState(null, "", `/?${new URLSearchParams(given)}`);
  });

  // The keys of the table of products; Enter opens the focused link by itself.
  document.addEventListener("keydown", (event) => {
    const search = document.getElementById("q");
    if (!search || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches("input, select, textarea")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (event.key === "/") {
      event.preventDefault();
      search.select();
      search.focus();
    } else if (event.key === "j" || event.key === "k") {
      const links = [...document.querySelectorAll(".matrix tbody th a")];
      const at = links.findIndex((link) => link.closest("tr").contains(document.activeElement));
      const next = event.key === "j" ? at + 1 : Math.max(at - 1, 0);
      if (links[next]) links[next].focus();
    }
  });
})();
