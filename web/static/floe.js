"use strict";
// Ages tick, and what moved is fetched at once. Without it the page is read by reloading.
(() => {
  const units = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const skew = Date.parse(document.body.dataset.now) - Date.now();

  function tick() {
    for (const time of document.querySelectorAll("time[data-ago]")) {
      const seconds = (Date.now() + skew - Date.parse(time.dateTime)) / 1000;
      const unit = units.find(([size]) => seconds >= size);
      const text = unit ? `${Math.floor(seconds / unit[0])} ${unit[1]} ago` : "now";
      if (time.textContent !== text) time.textContent = text;
    }
  }
  setInterval(tick, 1000);

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
})();
