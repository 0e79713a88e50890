"use strict";
// The drawing board: boxes over the sheet's picture, with mouse, pen and keyboard. Knows nothing of the server.
//
// A board has `fields` (each with a unique `id` and a `box`), `chosen` (ids, the last one leads), and calls back:
// before(kind) ahead of every change, so that it can be undone; changed() after it; picked() when others are chosen.

const BOARD_SVG = "http://www.w3.org/2000/svg";
const LEAST_PX = 8;
const HANDLES = ["nw", "n", "ne", "e", "se", "s", "sw", "w"];

class Board {
  constructor(svg, calls) {
    this.svg = svg;
    this.calls = calls;
    this.boxes = svg.querySelector("#boxes");
    this.handles = svg.querySelector("#handles");
    this.rubber = svg.querySelector("#rubber");
    this.width = svg.viewBox.baseVal.width;
    this.height = svg.viewBox.baseVal.height;
    this.drawn = new Map();
    this.fields = [];
    this.chosen = [];
    this.wrong = new Set();
    this.drawing = true;
    this.drag = null;
    svg.addEventListener("pointerdown", (event) => this.down(event));
    svg.addEventListener("pointermove", (event) => this.move(event));
    svg.addEventListener("pointerup", (event) => this.up(event));
    svg.addEventListener("pointercancel", () => this.giveUp());
    svg.addEventListener("keydown", (event) => this.key(event));
    // On the element around it: browsers let Tab stop at an SVG element that listens for focus.
    svg.parentElement.addEventListener("focusin", (event) => this.focused(event));
    new ResizeObserver(() => this.draw()).observe(svg);
  }

  get unit() {
    return this.width / Math.max(1, this.svg.getBoundingClientRect().width);
  }

  field(id) {
    return this.fields.find((one) => one.id === id);
  }

  get chosenFields() {
    return this.fields.filter((one) => this.chosen.includes(one.id));
  }

  get leader() {
    return this.field(this.chosen.at(-1));
  }

  choose(ids) {
    this.chosen = ids;
    this.draw();
    this.calls.picked();
  }

  toggle(id) {
    this.choose(this.chosen.includes(id) ? this.chosen.filter((one) => one !== id) : [...this.chosen, id]);
  }

  focus(id) {
    this.drawn.get(id)?.focus();
  }

  // -- drawing -------------------------------------------------------------------------------------------------------

  draw() {
    for (const [id, group] of this.drawn) {
      if (!this.field(id)) {
        group.remove();
        this.drawn.delete(id);
      }
    }
    this.fields.forEach((field, at) => {
      const group = this.drawn.get(field.id) ?? this.made(field);
      if (this.boxes.children[at] !== group) this.boxes.insertBefore(group, this.boxes.children[at] ?? null);
      this.place(group, field);
    });
    this.drawHandles();
  }

  made(field) {
    const group = document.createElementNS(BOARD_SVG, "g");
    group.dataset.id = field.id;
    group.setAttribute("tabindex", "0");
    group.setAttribute("role", "button");
    group.append(...["rect", "path", "text"].map((tag) => document.createElementNS(BOARD_SVG, tag)));
    this.drawn.set(field.id, group);
    return group;
  }

  place(group, field) {
    const [left, top, width, height] = field.box;
    const [rect, teeth, label] = group.children;
    const isChosen = this.chosen.includes(field.id);
    group.setAttribute("class", `one ${field.kind}${isChosen ? " chosen" : ""}${this.wrong.has(field.id) ? " wrong" : ""}`);
    group.setAttribute("aria-pressed", String(isChosen));
    group.setAttribute("aria-label", `${field.name}, ${field.kind}, at ${left}, ${top}, ${width} by ${height}`);
    set(rect, { x: left, y: top, width, height });
    teeth.setAttribute("d", combPath(field));
    set(label, { x: left + 3 * this.unit, y: top + 13 * this.unit, "font-size": 12 * this.unit });
    label.textContent = field.name;
  }

  drawHandles() {
    const leader = this.chosen.length === 1 ? this.leader : null;
    this.handles.replaceChildren();
    if (!leader) return;
    const side = 9 * this.unit;
    const isSmall = Math.min(leader.box[2], leader.box[3]) < 4 * side;
    for (const name of isSmall ? ["nw", "se"] : HANDLES) {
      const [x, y] = handleAt(leader.box, name);
      const rect = document.createElementNS(BOARD_SVG, "rect");
      set(rect, { x: x - side / 2, y: y - side / 2, width: side, height: side, class: `handle ${name}` });
      rect.dataset.handle = name;
      this.handles.append(rect);
    }
  }

  // -- mouse and pen -------------------------------------------------------------------------------------------------

  point(event) {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.svg.getScreenCTM().inverse());
    return [clamp(at.x, 0, this.width), clamp(at.y, 0, this.height)];
  }

  down(event) {
    if (event.button !== 0 || this.drag) return;
    const from = this.point(event);
    const handle = event.target.dataset?.handle;
    const id = event.target.closest?.(".one")?.dataset.id;
    if (handle) this.drag = { kind: "size", handle, from };
    else if (id) this.pick(id, event, from);
    else if (event.shiftKey) this.drag = { kind: "select", from };
    else if (this.drawing) this.drag = { kind: "draw", from, other: event.target.closest?.(".other") };
    else this.choose([]);
    if (!this.drag) return;
    event.preventDefault();
    this.drag.boxes = new Map(this.chosenFields.map((field) => [field.id, field.box]));
    this.svg.setPointerCapture(event.pointerId);
  }

  pick(id, event, from) {
    if (event.shiftKey || event.ctrlKey || event.metaKey) this.toggle(id);
    else if (!this.chosen.includes(id)) this.choose([id]);
    this.focus(id);
    if (this.chosen.includes(id)) this.drag = { kind: "move", from };
  }

  move(event) {
    const drag = this.drag;
    if (!drag) return;
    const to = this.point(event);
    if (drag.kind === "draw" || drag.kind === "select") {
      const [left, top, width, height] = boxOf(drag.from, to);
      set(this.rubber, { x: left, y: top, width, height, visibility: "visible" });
      return;
    }
    const by = [Math.round(to[0] - drag.from[0]), Math.round(to[1] - drag.from[1])];
    if (!drag.begun && Math.hypot(...by) < 3 * this.unit) return;
    if (!drag.begun) this.calls.before(drag.kind);
    drag.begun = true;
    for (const [id, box] of drag.boxes) {
      this.field(id).box = drag.kind === "move" ? this.inside(shifted(box, by)) : this.sized(box, drag.handle, by);
    }
    this.draw();
  }

  up(event) {
    const drag = this.drag;
    this.drag = null;
    this.rubber.setAttribute("visibility", "hidden");
    if (!drag) return;
    const box = boxOf(drag.from, this.point(event));
    if (drag.kind === "select") {
      this.choose(this.fields.filter((field) => overlap(field.box, box)).map((field) => field.id));
    } else if (drag.kind === "draw") {
      if (Math.min(box[2], box[3]) >= Math.max(LEAST_PX, 5 * this.unit)) this.calls.add(box);
      else if (drag.other) this.calls.add(["x", "y", "width", "height"].map((key) => Number(drag.other.getAttribute(key))));
      else this.choose([]);
    } else if (drag.begun) this.calls.changed();
  }

  giveUp() {
    for (const [id, box] of this.drag?.boxes ?? []) this.field(id).box = box;
    this.drag = null;
    this.rubber.setAttribute("visibility", "hidden");
    this.draw();
  }

  // -- keyboard ------------------------------------------------------------------------------------------------------

  focused(event) {
    const id = event.target.closest?.(".one")?.dataset.id;
    if (id && !this.chosen.includes(id) && !this.drag) this.choose([id]);
  }

  key(event) {
    const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (arrow && this.chosen.length && !event.altKey) {
      const step = event.ctrlKey || event.metaKey ? 10 : 1;
      this.nudge(arrow.map((way) => way * step), event.shiftKey);
    } else if (event.key === " ") this.addNext();
    else if (event.key === "Escape") this.giveUp();
    else return;
    event.preventDefault();
  }

  nudge(by, isSize) {
    this.calls.before(isSize ? "size" : "move");
    for (const field of this.chosenFields) {
      field.box = isSize ? this.sized(field.box, "se", by) : this.inside(shifted(field.box, by));
    }
    this.draw();
    this.calls.changed();
  }

  /** Space: the next box is chosen as well. */
  addNext() {
    const at = this.fields.indexOf(this.leader);
    const next = this.fields[at + 1];
    if (!next || this.chosen.includes(next.id)) return;
    this.choose([...this.chosen, next.id]);
    this.focus(next.id);
  }

  // -- places --------------------------------------------------------------------------------------------------------

  inside([left, top, width, height]) {
    return [clamp(left, 0, this.width - width), clamp(top, 0, this.height - height), width, height];
  }

  sized([left, top, width, height], handle, [dx, dy]) {
    let [x0, y0, x1, y1] = [left, top, left + width, top + height];
    if (handle.includes("w")) x0 = clamp(x0 + dx, 0, x1 - LEAST_PX);
    if (handle.includes("e")) x1 = clamp(x1 + dx, x0 + LEAST_PX, this.width);
    if (handle.includes("n")) y0 = clamp(y0 + dy, 0, y1 - LEAST_PX);
    if (handle.includes("s")) y1 = clamp(y1 + dy, y0 + LEAST_PX, this.height);
    return [x0, y0, x1 - x0, y1 - y0];
  }

  align(way) {
    const lead = this.leader.box;
    if (way === "across" || way === "down") return this.spread(way === "across" ? 0 : 1);
    for (const field of this.chosenFields) {
      const [left, top, width, height] = field.box;
      field.box = this.inside({
        left: [lead[0], top, width, height],
        right: [lead[0] + lead[2] - width, top, width, height],
        top: [left, lead[1], width, height],
        bottom: [left, lead[1] + lead[3] - height, width, height],
        width: [left, top, lead[2], height],
        height: [left, top, width, lead[3]],
      }[way]);
    }
  }

  /** Equal gaps between the first and the last. */
  spread(axis) {
    const inOrder = [...this.chosenFields].sort((a, b) => a.box[axis] - b.box[axis]);
    const from = inOrder[0].box[axis];
    const room = inOrder.at(-1).box[axis] + inOrder.at(-1).box[axis + 2] - from;
    const gap = (room - inOrder.reduce((sum, field) => sum + field.box[axis + 2], 0)) / Math.max(1, inOrder.length - 1);
    let at = from;
    for (const field of inOrder) {
      field.box = field.box.map((value, index) => (index === axis ? Math.round(at) : value));
      at += field.box[axis + 2] + gap;
    }
  }
}

function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
}

function clamp(value, least, most) {
  return Math.max(least, Math.min(most, value));
}

function shifted([left, top, width, height], [dx, dy]) {
  return [left + dx, top + dy, width, height];
}

function boxOf(from, to) {
  const left = Math.round(Math.min(from[0], to[0]));
  const top = Math.round(Math.min(from[1], to[1]));
  return [left, top, Math.round(Math.max(from[0], to[0])) - left, Math.round(Math.max(from[1], to[1])) - top];
}

function overlap(a, b) {
  return a[0] < b[0] + b[2] && b[0] < a[0] + a[2] && a[1] < b[1] + b[3] && b[1] < a[1] + a[3];
}

function handleAt([left, top, width, height], name) {
  const x = name.includes("w") ? left : name.includes("e") ? left + width : left + width / 2;
  const y = name.includes("n") ? top : name.includes("s") ? top + height : top + height / 2;
  return [x, y];
}

/** The lines between the teeth of a comb. */
function combPath(field) {
  const teeth = field.kind === "digits" ? Number(field.comb) : 0;
  if (!(teeth > 1 && teeth <= 40)) return "";
  const [left, top, width, height] = field.box;
  return Array.from({ length: teeth - 1 }, (_, at) => `M${left + (width * (at + 1)) / teeth} ${top}v${height}`).join("");
}
