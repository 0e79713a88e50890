"use strict";
// Try it: choose a picture, draw a frame on it, send that part, show what was found.

const LONGEST_PX = 2600; // the reader reduces larger pictures itself
const form = document.getElementById("try");
const chosen = document.getElementById("chosen");
const said = document.getElementById("said");
const go = document.getElementById("go");
const edges = ["left", "top", "right", "bottom"].map((name) => document.getElementById(name));
let file = null;
let picture = null; // null where the browser cannot show it: then it is sent whole
let start = null;

function frame() {
  const [left, top, right, bottom] = edges.map((input) => Math.min(100, Math.max(0, Number(input.value))) / 100);
  const [x, y] = [Math.min(left, right), Math.min(top, bottom)];
  return { x, y, width: Math.abs(right - left), height: Math.abs(bottom - top) };
}

function setFrame(values) {
  edges.forEach((input, place) => { input.value = Math.round(values[place] * 100); });
  draw();
}

function draw() {
  if (!picture) return;
  const scale = Math.min(1, 1400 / Math.max(picture.width, picture.height));
  chosen.width = Math.round(picture.width * scale);
  chosen.height = Math.round(picture.height * scale);
  const pen = chosen.getContext("2d");
  pen.drawImage(picture, 0, 0, chosen.width, chosen.height);
  const { x, y, width, height } = frame();
  if (width === 1 && height === 1) return;
  pen.fillStyle = "rgb(20 30 40 / .55)";
  pen.beginPath();
  pen.rect(0, 0, chosen.width, chosen.height);
  pen.rect(x * chosen.width, y * chosen.height, width * chosen.width, height * chosen.height);
  pen.fill("evenodd");
  pen.lineWidth = 3;
  pen.strokeStyle = "#1a56b0";
  pen.strokeRect(x * chosen.width, y * chosen.height, width * chosen.width, height * chosen.height);
}

async function choose(event) {
  [file] = event.target.files;
  for (const other of ["file", "camera"]) if (other !== event.target.id) document.getElementById(other).value = "";
  picture = file ? await createImageBitmap(file).catch(() => null) : null;
  document.getElementById("crop").hidden = !picture;
  document.getElementById("found").hidden = true;
  go.disabled = !file;
  said.textContent = file && !picture ? "This browser cannot show the file; it will be read whole." : "";
  setFrame([0, 0, 1, 1]);
}

function place(event) {
  const box = chosen.getBoundingClientRect();
  const within = (value) => Math.min(1, Math.max(0, value));
  return [within((event.clientX - box.left) / box.width), within((event.clientY - box.top) / box.height)];
}

function drag(event) {
  if (!start) return;
  const [x, y] = place(event);
  setFrame([Math.min(x, start[0]), Math.min(y, start[1]), Math.max(x, start[0]), Math.max(y, start[1])]);
}

function drop(event) {
  drag(event);
  start = null;
  const { width, height } = frame();
  if (width < 0.02 || height < 0.02) setFrame([0, 0, 1, 1]); // a click is no frame
}

async function part() {
  const { x, y, width, height } = frame();
  const large = file.size > form.dataset.largest * 1e6;
  if (!picture || width === 0 || height === 0 || (width === 1 && height === 1 && !large)) return file;
  const scale = Math.min(1, LONGEST_PX / (Math.max(width * picture.width, height * picture.height)));
  const sheet = document.createElement("canvas");
  sheet.width = Math.max(1, Math.round(width * picture.width * scale));
  sheet.height = Math.max(1, Math.round(height * picture.height * scale));
  const from = [x * picture.width, y * picture.height, width * picture.width, height * picture.height];
  sheet.getContext("2d").drawImage(picture, ...from, 0, 0, sheet.width, sheet.height);
  return new Promise((done) => { sheet.toBlob(done, "image/jpeg", 0.95); });
}

async function send(event) {
  event.preventDefault();
  go.disabled = true;
  said.textContent = "Reading ...";
  said.className = "try-said";
  try {
    const body = new FormData();
    body.append("csrf", form.elements.csrf.value);
    body.append("picture", await part(), "picture");
    const answer = await fetch(form.action, { method: "POST", body, headers: { "X-Requested-With": "fetch" } });
    const told = answer.headers.get("Content-Type").includes("json") ? await answer.json() : {};
    if (answer.ok) await show(told);
    else tell(told.problem || (answer.status === 413 ? "This picture is too large." : "That did not work. Please reload the page."));
  } catch {
    tell("The machine does not answer. Please try again.");
  }
  go.disabled = false;
}

function tell(words) {
  said.textContent = words;
  said.className = "try-said flash problem";
}

function cell(row, words, kind) {
  const made = row.insertCell();
  made.textContent = words;
  if (kind) made.className = kind;
  return made;
}

async function show(told) {
  const bytes = Uint8Array.from(atob(told.picture), (letter) => letter.charCodeAt(0));
  const marked = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  const canvas = document.getElementById("marked");
  [canvas.width, canvas.height] = [marked.width, marked.height];
  canvas.getContext("2d").drawImage(marked, 0, 0);
  document.getElementById("text").value = told.text;
  const rows = document.getElementById("numbers");
  rows.replaceChildren();
  told.lines.forEach((line, number) => line.forEach((one) => {
    const row = rows.insertRow();
    cell(row, number + 1);
    cell(row, one.text);
    cell(row, one.sure, "num");
    const digits = cell(row, "");
    for (const digit of one.digits) {
      const chip = document.createElement("span");
      chip.className = `chip ${digit.kind}`;
      chip.textContent = `${digit.text}  ${digit.sure}`;
      digits.append(chip, " ");
    }
  }));
  const count = rows.rows.length;
  said.textContent = count ? `${count} ${count === 1 ? "number" : "numbers"} in ${told.seconds} s` : "No numbers were found.";
  const found = document.getElementById("found");
  found.hidden = false;
  found.focus();
}

async function copy() {
  const text = document.getElementById("text");
  text.select();
  await navigator.clipboard?.writeText(text.value).catch(() => {});
  said.textContent = "Copied.";
}

document.getElementById("file").addEventListener("change", choose);
document.getElementById("camera").addEventListener("change", choose);
for (const input of edges) input.addEventListener("input", draw);
document.getElementById("whole").addEventListener("click", () => setFrame([0, 0, 1, 1]));
chosen.addEventListener("pointerdown", (event) => { start = place(event); chosen.setPointerCapture(event.pointerId); });
chosen.addEventListener("pointermove", drag);
chosen.addEventListener("pointerup", drop);
chosen.addEventListener("pointercancel", drop);
document.getElementById("copy").addEventListener("click", copy);
form.addEventListener("submit", send);
