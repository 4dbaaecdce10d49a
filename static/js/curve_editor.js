// How much the second clip shows over time: draw it with the pointer, or move its points by keyboard.
import { element } from "./dom.js";

const POINTS = 9;
const WIDTH = 320;
const HEIGHT = 120;
const PAD = 12;
const NS = "http://www.w3.org/2000/svg";

function svg(tag, attributes) {
  const made = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

export class CurveEditor {
  constructor(host, { curve, onInput }) {
    this.onInput = onInput;
    this.values = [];
    this.picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "curve", role: "group", "aria-label": "Influence of the second clip over time" });
    for (const share of [0, 0.5, 1]) {
      const y = this.y(share);
      this.picture.append(svg("line", { x1: PAD, x2: WIDTH - PAD, y1: y, y2: y, class: "curve__grid" }));
    }
    this.area = svg("path", { class: "curve__area" });
    this.line = svg("path", { class: "curve__line" });
    this.picture.append(this.area, this.line);
    this.points = Array.from({ length: POINTS }, (_, index) => this.point(index));
    this.picture.append(...this.points);
    host.replaceChildren(
      this.picture,
      element("p", { class: "field__help" }, "Top: all of the second clip. Draw with the pointer, or choose a point and press the arrow keys up and down."),
    );
    this.picture.addEventListener("pointerdown", (event) => this.grab(event));
    this.set(curve);
  }

  x(index) {
    return PAD + (index * (WIDTH - 2 * PAD)) / (POINTS - 1);
  }

  y(share) {
    return PAD + (1 - share) * (HEIGHT - 2 * PAD);
  }

  point(index) {
    const made = svg("circle", { r: 7, cx: this.x(index), class: "curve__point", tabindex: "0", role: "slider", "aria-valuemin": "0", "aria-valuemax": "100", "aria-orientation": "vertical" });
    made.addEventListener("keydown", (event) => {
      const step = event.shiftKey ? 0.01 : 0.1;
      const goal = { ArrowUp: this.values[index] + step, ArrowDown: this.values[index] - step, Home: 0, End: 1 }[event.key];
      if (goal !== undefined) {
        event.preventDefault();
        this.put(index, goal);
      } else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
        event.preventDefault();
        this.points[index + (event.key === "ArrowLeft" ? -1 : 1)]?.focus();
      }
    });
    return made;
  }

  grab(event) {
    event.preventDefault();
    this.picture.setPointerCapture(event.pointerId);
    const draw = (next) => {
      const box = this.picture.getBoundingClientRect();
      const x = ((next.clientX - box.left) * WIDTH) / box.width;
      const y = ((next.clientY - box.top) * HEIGHT) / box.height;
      const index = Math.round(((x - PAD) * (POINTS - 1)) / (WIDTH - 2 * PAD));
      const nearest = Math.min(POINTS - 1, Math.max(0, index));
      this.points[nearest].focus();
      this.put(nearest, 1 - (y - PAD) / (HEIGHT - 2 * PAD));
    };
    draw(event);
    this.picture.addEventListener("pointermove", draw);
    const done = () => this.picture.removeEventListener("pointermove", draw);
    this.picture.addEventListener("pointerup", done, { once: true });
    this.picture.addEventListener("pointercancel", done, { once: true });
  }

  put(index, share) {
    this.values[index] = Math.round(100 * Math.min(1, Math.max(0, share))) / 100;
    this.draw();
    this.onInput?.(this.curve);
  }

  /** Points [share of time, influence] of any number; shown at ours. */
  set(curve) {
    this.values = this.points.map((_, index) => {
      const time = index / (POINTS - 1);
      const after = curve.findIndex((point) => point[0] >= time);
      if (after <= 0) return curve[Math.max(0, after)][1];
      const [a, b] = [curve[after - 1], curve[after]];
      return a[1] + ((b[1] - a[1]) * (time - a[0])) / (b[0] - a[0] || 1);
    });
    this.draw();
  }

  get curve() {
    return this.values.map((value, index) => [index / (POINTS - 1), value]);
  }

  draw() {
    const path = this.values.map((value, index) => `${index ? "L" : "M"}${this.x(index)} ${this.y(value)}`).join("");
    this.line.setAttribute("d", path);
    this.area.setAttribute("d", `${path}L${this.x(POINTS - 1)} ${this.y(0)}L${PAD} ${this.y(0)}z`);
    this.points.forEach((point, index) => {
      const percent = Math.round(100 * this.values[index]);
      point.setAttribute("cy", this.y(this.values[index]));
      point.setAttribute("aria-valuenow", percent);
      point.setAttribute("aria-label", `Influence at ${Math.round((100 * index) / (POINTS - 1))} % of the time`);
      point.setAttribute("aria-valuetext", `${percent} percent`);
    });
  }
}
