// Two handles on a strip of time: the part of a clip that is used. By pointer, by keyboard, by number.
import { element, secondsText } from "./dom.js";

export class SpanSlider {
  /**
   * @param host the element to fill  @param length seconds of the clip  @param step of one arrow key
   * @param onInput ({start, end, moved}) while it changes; `moved` is the time of the handle
   */
  constructor(host, { length, step = 0.25, fine = 1 / 12, start = 0, end = length, label = "Part", onInput }) {
    Object.assign(this, { host, length, step, fine, label, onInput, start, end });
    this.least = fine;
    this.range = element("span", { class: "span__range" });
    this.handles = ["start", "end"].map((which) => this.handle(which));
    this.strip = element("div", { class: "span__strip" }, this.range, ...this.handles);
    this.text = element("output", { class: "span__text" });
    host.classList.add("span");
    host.replaceChildren(this.strip, this.text);
    this.strip.addEventListener("pointerdown", (event) => this.grab(event));
    this.draw();
  }

  handle(which) {
    const made = element("span", { class: `span__handle span__handle--${which}`, role: "slider", tabindex: "0", "aria-valuemin": "0" });
    made.addEventListener("keydown", (event) => {
      const step = event.shiftKey ? this.fine : this.step;
      const goal = {
        ArrowLeft: this[which] - step,
        ArrowDown: this[which] - step,
        ArrowRight: this[which] + step,
        ArrowUp: this[which] + step,
        PageDown: this[which] - 4 * step,
        PageUp: this[which] + 4 * step,
        Home: 0,
        End: this.length,
      }[event.key];
      if (goal === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      this.move(which, goal);
    });
    return made;
  }

  grab(event) {
    const time = this.timeAt(event.clientX);
    const which = event.target === this.handles[0] ? "start" : event.target === this.handles[1] ? "end" : Math.abs(time - this.start) <= Math.abs(time - this.end) ? "start" : "end";
    const handle = this.handles[which === "start" ? 0 : 1];
    event.preventDefault();
    handle.focus();
    this.strip.setPointerCapture(event.pointerId);
    const move = (next) => this.move(which, this.timeAt(next.clientX));
    move(event);
    this.strip.addEventListener("pointermove", move);
    const done = () => this.strip.removeEventListener("pointermove", move);
    this.strip.addEventListener("pointerup", done, { once: true });
    this.strip.addEventListener("pointercancel", done, { once: true });
  }

  timeAt(x) {
    const box = this.strip.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (x - box.left) / box.width));
    return Math.round((share * this.length) / this.fine) * this.fine;
  }

  move(which, goal) {
    const [low, high] = which === "start" ? [0, this.end - this.least] : [this.start + this.least, this.length];
    this[which] = Math.min(high, Math.max(low, goal));
    this.draw();
    this.onInput?.({ start: this.start, end: this.end, moved: this[which] });
  }

  set(start, end, length = this.length) {
    Object.assign(this, { length, start, end });
    this.draw();
  }

  get whole() {
    return this.start < 1e-3 && this.end > this.length - 1e-3;
  }

  draw() {
    const share = (time) => `${(100 * time) / (this.length || 1)}%`;
    this.range.style.insetInlineStart = share(this.start);
    this.range.style.inlineSize = share(this.end - this.start);
    this.handles.forEach((handle, index) => {
      const time = index ? this.end : this.start;
      handle.style.insetInlineStart = share(time);
      handle.setAttribute("aria-label", `${this.label}: ${index ? "end" : "start"}`);
      handle.setAttribute("aria-valuemax", this.length.toFixed(2));
      handle.setAttribute("aria-valuenow", time.toFixed(2));
      handle.setAttribute("aria-valuetext", secondsText(time));
    });
    this.text.textContent = `${this.label}: ${secondsText(this.start)} to ${secondsText(this.end)}, ${secondsText(this.end - this.start)} long`;
  }
}
