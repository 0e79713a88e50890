"use strict";
// What a draft read on a filled sheet: drawn on the sheet, and as a table.

const SVG = "http://www.w3.org/2000/svg";

function svgOf(tag, attributes, text) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function listOf(lines) {
  return lines.map((line) => Object.assign(document.createElement("li"), { textContent: line }));
}

function drawTried(found, picture) {
  const sheet = document.getElementById("tried-sheet");
  sheet.setAttribute("viewBox", `0 0 ${found.width} ${found.height}`);
  sheet.replaceChildren(svgOf("image", { href: picture, width: found.width, height: found.height }));
  for (const field of found.fields.filter((one) => one.box)) {
    const [left, top, right, bottom] = field.box;
    const rect = { x: left, y: top, width: right - left, height: bottom - top, class: `box ${field.state}` };
    const label = { x: left, y: top - 4, class: `label ${field.state}`, "font-size": found.height / 42 };
    sheet.append(svgOf("rect", rect), svgOf("text", label, `${field.shown} ${field.probability}`));
  }
}

function rowOf(field) {
  const row = document.createElement("tr");
  const why = [...field.reasons, field.others.length ? `or ${field.others.join(", ")}` : ""].filter(Boolean).join(" ");
  for (const text of [field.name, field.shown, field.probability, why]) {
    row.append(Object.assign(document.createElement("td"), { textContent: text }));
  }
  row.cells[2].className = "num";
  row.className = field.state;
  return row;
}

function showTried(found, picture) {
  document.getElementById("tried").hidden = false;
  document.getElementById("verdict").textContent = found.accepted
    ? "This sheet would become a row."
    : "This sheet would go to review.";
  document.getElementById("tried-reasons").replaceChildren(...listOf(found.reasons));
  drawTried(found, picture);
  document.getElementById("tried-rows").replaceChildren(...found.fields.map(rowOf));
  document.getElementById("tried").scrollIntoView({ block: "start" });
}
