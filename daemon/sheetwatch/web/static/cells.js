"use strict";
// The cells of a sheet beside its fields, once the sheet was laid onto its form: pieces of the one picture.

const place = document.querySelector("[data-boxes]");
const SVG = "http://www.w3.org/2000/svg";

function element(name, values) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(values)) made.setAttribute(key, value);
  return made;
}

function cell(shown, [left, top, right, bottom]) {
  const pad = Math.max(12, Math.round((bottom - top) * 0.45));
  const x = Math.max(0, left - pad);
  const y = Math.max(0, top - pad);
  const width = Math.min(shown.width, right + pad) - x;
  const height = Math.min(shown.height, bottom + pad) - y;
  const svg = element("svg", { class: "cell", viewBox: `${x} ${y} ${width} ${height}`, "aria-hidden": "true" });
  svg.append(
    element("image", { href: place.dataset.sheet, x: 0, y: 0, width: shown.width, height: shown.height }),
    element("rect", { class: "box", x: left, y: top, width: right - left, height: bottom - top }),
  );
  return svg;
}

async function show() {
  const answer = await fetch(place.dataset.boxes, { headers: { "X-Requested-With": "fetch" } });
  if (!answer.ok) return; // there is no such picture, and the page says so
  const shown = await answer.json();
  for (const target of document.querySelectorAll("[data-cell]")) {
    const box = shown.boxes[target.dataset.cell];
    if (!box) continue;
    target.replaceChildren(cell(shown, box));
    target.hidden = false;
  }
}

if (place) show();
