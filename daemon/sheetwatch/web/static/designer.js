"use strict";
// The template designer: what is drawn and typed, undo, and keeping it on the server.

const root = document.getElementById("designer");
const kept = JSON.parse(root.dataset.kept);
const url = root.dataset.url;
const csrf = root.dataset.csrf;
const $ = (id) => document.getElementById(id);
const PAUSE_MS = 350;
const SAME_CHANGE_MS = 900;
const MOST_UNDOS = 200;

let nextId = 1;
let sketch = withIds(kept.sketch);
let turn = kept.turn;
let lists = kept.lists;
let problems = [];

function withIds(plain) {
  return { ...plain, fields: plain.fields.map((field) => ({ ...field, id: `b${nextId++}` })) };
}

const plainSketch = () => JSON.stringify({ ...sketch, fields: sketch.fields.map(({ id, ...field }) => field) });

// -- undo ---------------------------------------------------------------------------------------------------------------

const done = [];
const undone = [];
let lastKind = "";
let lastMs = 0;

/** Remember how things are, ahead of a change; quick changes of one kind are one. */
function before(kind) {
  const now = performance.now();
  if (kind !== lastKind || now - lastMs > SAME_CHANGE_MS) {
    done.push(JSON.stringify(sketch));
    if (done.length > MOST_UNDOS) done.shift();
    undone.length = 0;
  }
  lastKind = kind;
  lastMs = now;
}

function step(from, to) {
  if (!from.length) return;
  to.push(JSON.stringify(sketch));
  sketch = JSON.parse(from.pop());
  lastKind = "";
  const onBoard = document.activeElement?.closest?.("#board");
  board.chosen = board.chosen.filter((id) => sketch.fields.some((field) => field.id === id));
  showAll();
  changed();
  if (onBoard) board.chosen.length ? board.focus(board.chosen.at(-1)) : $("paper").focus();
}

// -- the server ---------------------------------------------------------------------------------------------------------

let waiting = 0;
let isKeeping = null;
let isDirty = false;

function changed() {
  isDirty = true;
  $("state").textContent = "Keeping\u2026";
  clearTimeout(waiting);
  waiting = setTimeout(keep, PAUSE_MS);
  showFields();
}

/** Keep what is drawn; one request at a time. Resolves to whether all of it is kept. */
async function keep() {
  clearTimeout(waiting);
  while (isKeeping) await isKeeping;
  if (!isDirty) return true;
  isDirty = false;
  isKeeping = post(`${url}/keep`, { csrf, turn, sketch: plainSketch() });
  const answer = await isKeeping;
  isKeeping = null;
  if (!answer.ok) {
    isDirty = true;
    $("state").textContent = answer.problem;
    return false;
  }
  turn = answer.turn;
  showProblems(answer.problems);
  return !isDirty || keep();
}

function showProblems(found) {
  problems = found;
  board.wrong = new Set(found.filter((one) => one.place[0] === "fields").map((one) => sketch.fields[one.place[1]]?.id));
  board.draw();
  $("state").textContent = found.length ? `Kept. ${found.length} to mend before it can be used.` : "Kept. Ready to use.";
  for (const key of ["name", "title", "key"]) say(key, found.find((one) => one.place[0] === key));
  for (const item of $("checks").children) {
    const problem = found.find((one) => one.place[0] === "checks" && one.place[1] === Number(item.dataset.at));
    item.querySelector(".said").textContent = problem ? inWords(problem) : "";
  }
  const elsewhere = found.find((one) => !["name", "title", "key", "checks", "fields"].includes(one.place[0]));
  const fieldless = found.find((one) => one.place.length === 1 && one.place[0] === "fields");
  $("save-said").textContent = elsewhere || fieldless ? inWords(elsewhere ?? fieldless) : "";
  showFieldProblems();
  showNames();
}

const inWords = (problem) => `${problem.reason[0].toUpperCase()}${problem.reason.slice(1)}; ${problem.mend}.`;

function say(key, problem, inputId = key) {
  $(`said-${inputId}`).textContent = problem ? inWords(problem) : "";
  if (problem) $(inputId).setAttribute("aria-invalid", "true");
  else $(inputId).removeAttribute("aria-invalid");
}

function showFieldProblems() {
  const at = sketch.fields.indexOf(board.leader);
  const own = at < 0 ? [] : problems.filter((one) => one.place[0] === "fields" && one.place[1] === at);
  const keys = ["name", "kind", "max", "step", "length", "comb", "roster", "box"];
  for (const key of keys) say(key, own.find((one) => one.place[2] === key), `f-${key}`);
  const other = own.find((one) => !keys.includes(one.place[2]));
  $("said-field").textContent = other ? inWords(other) : "";
}

// -- the panel ----------------------------------------------------------------------------------------------------------

const inputs = [...document.querySelectorAll("#fields [data-key]")];

function fillSelect(select, pairs, value) {
  const known = pairs.some(([one]) => one === value) ? pairs : [...pairs, [value, `${value} (is not there)`]];
  select.replaceChildren(...known.map(([one, words]) => new Option(words, one)));
  select.value = value;
}

const listPairs = () =>
  Object.entries(lists).flatMap(([file, columns]) => columns.map((one) => [`${file}:${one}`, `${file}: ${one}`]));

function showFields() {
  const lead = board.leader;
  const count = board.chosen.length;
  $("none").hidden = Boolean(lead);
  $("fields").hidden = !lead;
  $("remove-box").hidden = !lead;
  $("several").hidden = count < 2;
  $("name-of").hidden = count > 1;
  $("one-title").textContent = count > 1 ? `${count} boxes` : "Box";
  document.querySelector(".place").hidden = count > 1;
  if (lead) {
    fillSelect($("f-roster"), [["", "no list"], ...listPairs()], lead.roster);
    for (const input of inputs.filter((one) => one !== document.activeElement || one.type === "checkbox")) {
      if (input.type === "checkbox") input.checked = lead.required;
      else input.value = lead[input.dataset.key];
    }
    if ($("f-box") !== document.activeElement) $("f-box").value = lead.box.join(", ");
    for (const part of document.querySelectorAll("[data-kinds]")) {
      part.hidden = !part.dataset.kinds.split(" ").includes(lead.kind);
    }
  }
  $("undo").disabled = !done.length;
  $("redo").disabled = !undone.length;
  showFieldProblems();
  showNames();
}

function showNames() {
  $("count").textContent = String(sketch.fields.length);
  const items = sketch.fields.map((field, at) => {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.tabIndex = -1; // the boxes themselves are reached by Tab
    const isWrong = problems.some((one) => one.place[0] === "fields" && one.place[1] === at);
    button.className = `quiet${isWrong ? " wrong" : ""}${board.chosen.includes(field.id) ? " chosen" : ""}`;
    button.textContent = field.name || "without a name";
    button.title = isWrong ? "Something is to be mended here" : field.kind;
    button.addEventListener("click", (event) => {
      if (event.shiftKey || event.ctrlKey) board.toggle(field.id);
      else board.choose([field.id]);
      board.focus(field.id);
    });
    item.append(button);
    return item;
  });
  $("list-of-boxes").replaceChildren(...items);
}

/** Keys that a kind does not have are emptied: the loader would refuse them. */
function cleared(field) {
  const of = { mark: ["max", "step"], integer: ["max", "roster"], digits: ["length", "comb", "roster"] }[field.kind] ?? [];
  for (const key of ["max", "step", "length", "comb", "roster"]) if (!of.includes(key)) field[key] = "";
}

function typed(input) {
  before(`type ${input.id}`);
  const key = input.dataset.key;
  for (const field of board.chosenFields) {
    if (key === "required") field.required = input.checked;
    else field[key] = input.value;
    if (key === "name") renameInSums(field, input);
    if (key === "comb") field.length = input.value;
    if (key === "kind") cleared(field);
  }
  board.draw();
  changed();
}

/** A box's new name, also where sums and the key name it. */
function renameInSums(field, input) {
  const old = input.dataset.was;
  input.dataset.was = field.name;
  if (!/^[a-z][a-z0-9_]*$/.test(old ?? "") || !/^[a-z][a-z0-9_]*$/.test(field.name)) return;
  if (sketch.fields.some((one) => one !== field && one.name === old)) return;
  for (const check of sketch.checks) {
    check.sum = check.sum.replace(new RegExp(`\\b${old}\\b`, "g"), field.name);
    if (check.total === old) check.total = field.name;
  }
  if (sketch.key === old) sketch.key = field.name;
  showForm();
}

function showForm() {
  for (const key of ["name", "title"]) if ($(key) !== document.activeElement) $(key).value = sketch[key];
  const names = sketch.fields.filter((field) => field.kind !== "mark").map((field) => [field.name, field.name]);
  fillSelect($("key"), [["", "none"], ...names], sketch.key);
  showChecks();
}

// -- sums ---------------------------------------------------------------------------------------------------------------

function labelled(words, control) {
  const label = document.createElement("label");
  label.append(words, control);
  return label;
}

function checkItem(check, at) {
  const item = document.createElement("li");
  item.dataset.at = at;
  const total = document.createElement("select");
  const numbers = sketch.fields.filter((field) => field.kind !== "digits").map((field) => [field.name, field.name]);
  fillSelect(total, [["", "choose"], ...numbers], check.total);
  const sum = Object.assign(document.createElement("input"), { value: check.sum, placeholder: "q1 + q2 + best 2 of (q3, q4, q5)" });
  const round = document.createElement("select");
  fillSelect(round, [["none", "not rounded"], ["up", "rounded up"], ["nearest", "rounded"]], check.round);
  const fill = Object.assign(document.createElement("button"), { type: "button", textContent: "Selected boxes" });
  const away = Object.assign(document.createElement("button"), { type: "button", textContent: "Remove", className: "quiet" });
  const change = (key, value) => { before(`check ${at} ${key}`); check[key] = value; changed(); };
  total.addEventListener("change", () => change("total", total.value));
  round.addEventListener("change", () => change("round", round.value));
  sum.addEventListener("input", () => change("sum", sum.value));
  fill.addEventListener("click", () => {
    sum.value = board.chosenFields.map((field) => field.name).filter((name) => name !== check.total).join(" + ");
    change("sum", sum.value);
  });
  away.addEventListener("click", () => { before("uncheck"); sketch.checks.splice(at, 1); showChecks(true); changed(); });
  const words = Object.assign(document.createElement("p"), { className: "said" });
  const buttons = document.createElement("div");
  buttons.className = "inline";
  buttons.append(fill, away);
  item.append(labelled("Total ", total), labelled("is the sum of ", sum), labelled("", round), buttons, words);
  round.setAttribute("aria-label", "Rounding");
  return item;
}

function showChecks(mayMove = false) {
  if (document.activeElement?.closest?.("#checks") && !mayMove) return; // somebody is typing there
  $("checks").replaceChildren(...sketch.checks.map(checkItem));
}

// -- boxes --------------------------------------------------------------------------------------------------------------

function freeName() {
  const found = /^(.*?)(\d+)$/.exec(board.leader?.name ?? sketch.fields.at(-1)?.name ?? "q0");
  const stem = found ? found[1] : "q";
  const names = new Set(sketch.fields.map((field) => field.name));
  let number = found ? Number(found[2]) + 1 : 1;
  while (names.has(`${stem}${number}`)) number += 1;
  return `${stem}${number}`;
}

function add(box) {
  before("add");
  const like = board.leader ?? { kind: "mark", max: "", step: "", required: false };
  const isNumber = like.kind !== "digits";
  const field = {
    id: `b${nextId++}`, name: freeName(), kind: isNumber ? like.kind : "mark", box, max: isNumber ? like.max : "",
    step: like.kind === "mark" ? like.step : "", length: "", comb: "", required: like.required, roster: "",
  };
  sketch.fields.push(field);
  showAll();
  board.choose([field.id]);
  board.focus(field.id);
  changed();
}

/** Below the chosen box, as large as it; or in the middle of what is seen. */
function addByKey() {
  const like = board.leader?.box ?? [board.width / 2 - 60, board.height / 2 - 25, 120, 50].map(Math.round);
  add(board.inside([like[0], like[1] + (board.leader ? like[3] : 0), like[2], like[3]]));
}

function removeChosen() {
  if (!board.chosen.length) return;
  before("remove");
  const at = sketch.fields.indexOf(board.chosenFields[0]);
  sketch.fields = sketch.fields.filter((field) => !board.chosen.includes(field.id));
  const next = sketch.fields[Math.min(at, sketch.fields.length - 1)];
  board.chosen = next ? [next.id] : [];
  showAll();
  changed();
  if (next) board.focus(next.id);
  else $("paper").focus();
}

function numberChosen() {
  before("number");
  const rows = [...board.chosenFields].sort((a, b) => {
    const isSameRow = Math.abs(a.box[1] - b.box[1]) < Math.min(a.box[3], b.box[3]) / 2;
    return isSameRow ? a.box[0] - b.box[0] : a.box[1] - b.box[1];
  });
  rows.forEach((field, at) => { field.name = `${$("prefix").value}${at + 1}`; });
  showAll();
  changed();
}

function showAll() {
  board.fields = sketch.fields;
  board.draw();
  showForm();
  showFields();
}

const board = new Board($("board"), { before, add, changed: () => changed(), picked: () => { noteName(); showFields(); } });

function noteName() {
  $("f-name").dataset.was = board.leader?.name ?? "";
}

// -- saving and trying --------------------------------------------------------------------------------------------------

async function saveForm(mark) {
  $("save-said").textContent = "";
  $("replace").hidden = true;
  if (!(await keep())) return;
  const answer = await post(`${url}/save`, { csrf, turn, replace: mark });
  if (answer.taken) {
    $("save-said").textContent = `There is a form ${sketch.name} already. The old one is kept aside when you replace it.`;
    $("replace").hidden = false;
    $("replace").dataset.mark = answer.taken;
    $("replace").focus();
  } else if (!answer.ok) {
    $("save-said").textContent = answer.problem;
  } else if (answer.problems) {
    showProblems(answer.problems);
    goToProblem();
  } else {
    window.location.assign(answer.url);
  }
}

function goToProblem() {
  const [first] = problems;
  if (!first) return;
  if (first.place[0] === "fields" && first.place.length > 1) {
    board.choose([sketch.fields[first.place[1]].id]);
    ($(`f-${first.place[2]}`) ?? $("f-name")).focus();
  } else if (["name", "title", "key"].includes(first.place[0])) $(first.place[0]).focus();
}

async function tryIt() {
  const said = $("try-said");
  const [file] = $("try-file").files;
  said.textContent = file ? "" : "Choose a filled sheet first.";
  if (!file || !(await keep())) return;
  $("try").disabled = true;
  $("try").textContent = "Reading\u2026";
  const problem = await uploadFile(`${url}/upload`, csrf, 0, file);
  const found = problem ? { problem } : await post(`${url}/try`, { csrf, page: $("try-page").value || 1 });
  $("try").disabled = false;
  $("try").textContent = "Read it";
  if (found.problem) said.textContent = found.problem;
  else showTried(found, `${url}/tried.jpg?${Date.now()}`);
}

async function addList() {
  const [file] = $("list").files;
  if (!file || !(await keep())) return;
  const problem = await uploadFile(`${url}/upload`, csrf, 0, file);
  const answer = problem ? { problem } : await post(`${url}/list`, { csrf, turn, name: file.name });
  $("said-f-roster").textContent = answer.problem ?? "";
  if (!answer.ok) return;
  ({ turn, lists } = answer);
  showFields();
}

// -- wiring -------------------------------------------------------------------------------------------------------------

for (const input of inputs) input.addEventListener("input", () => typed(input));
$("f-name").addEventListener("focus", noteName);
$("f-box").addEventListener("input", () => {
  const box = $("f-box").value.split(",").map((part) => Number(part.trim() || NaN));
  if (box.length !== 4 || !box.every(Number.isInteger) || !board.leader) return;
  before("type box");
  board.leader.box = box;
  board.draw();
  changed();
});
for (const key of ["name", "title", "key"]) {
  $(key).addEventListener("input", () => { before(`type ${key}`); sketch[key] = $(key).value; changed(); });
}
for (const button of document.querySelectorAll("[data-align]")) {
  button.addEventListener("click", () => {
    before("align");
    board.align(button.dataset.align);
    board.draw();
    changed();
  });
}
$("panel").addEventListener("submit", (event) => event.preventDefault());
$("panel").addEventListener("change", () => showForm());
$("number").addEventListener("click", numberChosen);
$("remove-box").addEventListener("click", removeChosen);
$("add").addEventListener("click", addByKey);
$("add-check").addEventListener("click", () => {
  before("check");
  sketch.checks.push({ total: "", sum: "", round: "none" });
  showChecks();
  changed();
});
$("undo").addEventListener("click", () => step(done, undone));
$("redo").addEventListener("click", () => step(undone, done));
$("save").addEventListener("click", () => saveForm(""));
$("replace").addEventListener("click", () => saveForm($("replace").dataset.mark));
$("try").addEventListener("click", tryIt);
$("list").addEventListener("change", addList);

function setDrawing(isOn) {
  board.drawing = isOn;
  $("draw").setAttribute("aria-pressed", String(isOn));
  $("board").classList.toggle("drawing", isOn);
}
$("draw").addEventListener("click", () => setDrawing(!board.drawing));
setDrawing(!window.matchMedia("(pointer: coarse)").matches);

let zoom = 1;
function setZoom(to) {
  zoom = clamp(to, 0.5, 6);
  $("board").style.width = zoom === 1 ? "" : `${zoom * 100}%`;
  board.draw();
}
$("larger").addEventListener("click", () => setZoom(zoom * 1.4));
$("smaller").addEventListener("click", () => setZoom(zoom / 1.4));
$("fit").addEventListener("click", () => setZoom(1));

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest?.("input:not([type=checkbox]), select, textarea");
  const isCommand = event.ctrlKey || event.metaKey;
  if (event.key === "Escape" && isTyping && board.leader) board.focus(board.leader.id);
  else if (isTyping) return;
  else if (isCommand && event.key.toLowerCase() === "z") event.shiftKey ? step(undone, done) : step(done, undone);
  else if (isCommand && event.key.toLowerCase() === "y") step(undone, done);
  else if (!event.target.closest?.(".board")) return;
  else if (isCommand && event.key.toLowerCase() === "a") board.choose(sketch.fields.map((field) => field.id));
  else if (isCommand || event.altKey) return;
  else if (event.key === "Delete" || event.key === "Backspace") removeChosen();
  else if (event.key.toLowerCase() === "n") addByKey();
  else if (event.key === "Enter" && event.target.closest(".one")) { $("f-name").focus(); $("f-name").select(); }
  else return;
  event.preventDefault();
});

document.addEventListener("visibilitychange", () => { if (document.hidden && isDirty) keep(); });
window.addEventListener("beforeunload", (event) => { if (isDirty || isKeeping) event.preventDefault(); });

showAll();
isDirty = true;
keep();
