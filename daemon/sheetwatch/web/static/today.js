"use strict";
// Keeps the page as it is on the box: asks every few seconds, and not at all while nobody looks.

const live = document.getElementById("live");
const stale = document.getElementById("stale");
const EVERY_MS = 4000;
let tag = "";

// A picture that is there already is not asked for again.
function keepPicture(picture) {
  const shown = live.querySelector(`img[src="${CSS.escape(picture.getAttribute("src"))}"]`);
  if (shown) picture.replaceWith(shown);
}

async function refresh() {
  if (document.hidden) return;
  try {
    const headers = { "X-Requested-With": "fetch" };
    if (tag) headers["If-None-Match"] = tag;
    const answer = await fetch(live.dataset.url, { headers, cache: "no-store" });
    if (answer.status === 401) {
      window.location.reload();
      return;
    }
    stale.hidden = answer.ok || answer.status === 304;
    if (answer.status !== 200) return;
    tag = answer.headers.get("ETag") || "";
    const focused = live.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const picture of [...fresh.images]) keepPicture(picture);
    live.replaceChildren(...fresh.body.childNodes);
    if (focused) live.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
  } catch {
    stale.hidden = false;
  }
}

setInterval(refresh, EVERY_MS);
document.addEventListener("visibilitychange", refresh);
