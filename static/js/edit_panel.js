// The tools of a clip: tabs over one form. The strip under the player marks the part that is used.
import { CurveEditor } from "./curve_editor.js";
import { secondsText } from "./dom.js";
import { Order } from "./order.js";
import { SpanSlider } from "./span_slider.js";
import { toast } from "./ui.js";
import { openUploadPicker } from "./upload.js";

// As generation/editing/tools.py has them; a chosen mode is shown on the curve.
const MODES = {
  transition: [[0, 0], [0.25, 0.1], [0.5, 0.5], [0.75, 0.9], [1, 1]],
  mix: [[0, 0.5], [1, 0.5]],
  sample: [[0, 0], [0.3, 0.35], [0.7, 0.35], [1, 0]],
};
const MARKS = { remix: "Part to redraw", extend: "Part to keep", recut: "Good part", fill: "Part to draw anew", blend: "Part of this clip", loop: "Part to loop" };

const panel = document.querySelector("[data-edit]");
const form = panel.querySelector("[data-edit-form]");
const player = document.querySelector("[data-player]");
const strip = document.querySelector("[data-trim]");
const { ref, workspace } = panel.dataset;
const length = Number(panel.dataset.seconds);
const fps = Number(panel.dataset.fps);
const longest = Number(panel.dataset.longest);
const tabs = [...panel.querySelectorAll("[role=tab]")];
const field = (name) => form.elements[name];
const number = (name) => Number(field(name).value);

let tool = tabs.find((tab) => tab.getAttribute("aria-selected") === "true").dataset.tool;
let second = null;

const trim = new SpanSlider(strip, { length, fine: 1 / fps, onInput: moved });
const curve = new CurveEditor(panel.querySelector("[data-curve]"), {
  curve: MODES.transition,
  onInput: () => {
    field("mode").value = "curve";
    order.changed();
  },
});
const secondSpan = new SpanSlider(panel.querySelector("[data-second-span]"), {
  length: 1,
  fine: 1 / fps,
  label: "Part of the second clip",
  onInput: () => order.changed(),
});
const order = new Order(panel, { workspace, values, fieldOf });

/** Errors about the kept or redrawn part belong to the strip under the player. */
function fieldOf(param) {
  if (/^(edit\.(start|end|from|to|clip)|start$|plan\.keep\[\d+\]\.(start|end|media)|plan\.redraw\.(start|end|first))/.test(param)) return trim.handles[0];
  if (param === "seconds") return panel.querySelector(`[data-panel="${tool}"] [data-param~="seconds"]`);
  return null;
}

function closed() {
  return tabs.find((tab) => tab.dataset.tool === tool).hasAttribute("data-closed");
}

function part() {
  return { clip: ref, start: round(trim.start), end: round(trim.end) };
}

function round(value) {
  return Number(value.toFixed(4));
}

const EDITS = {
  remix: () => ({ ...part(), strength: field("remix_strength").value === "custom" ? number("remix_custom") : field("remix_strength").value }),
  extend: () => ({ ...part(), before: number("before"), after: number("after") }),
  recut: () => ({ ...part(), at: number("at") }),
  fill: () => ({ clip: ref, from: round(trim.start), to: round(trim.end) }),
  blend: () => {
    const how = field("mode").value === "curve" ? { curve: curve.curve } : { mode: field("mode").value };
    const other = { second: second.ref, second_start: round(secondSpan.start), second_end: round(secondSpan.end) };
    return { ...part(), ...other, ...how, strength: number("blend_strength") };
  },
  loop: () => ({ ...part(), seam: field("seam").value }),
  upgrade: () => ({ clip: ref }),
};

function values() {
  if (closed() || (tool === "blend" && !second)) return null;
  const body = { tool, edit: EDITS[tool](), prompt: field("prompt").value, draft: tool !== "upgrade" && field("draft").checked };
  if (tool === "recut") body.seconds = number("recut_seconds");
  if (tool === "upgrade") {
    const [width, height] = field("upgrade_size").value.split("x").map(Number);
    Object.assign(body, { width, height, steps: number("upgrade_steps"), prompt: "" });
  }
  return body;
}

// --- Tabs -------------------------------------------------------------------------------------------

// The row of tabs is wider than a phone.
function inSight(tab) {
  const [row, own] = [tab.parentElement.getBoundingClientRect(), tab.getBoundingClientRect()];
  tab.parentElement.scrollLeft += own.left + own.width / 2 - (row.left + row.width / 2);
}

function show(next, { focus = false } = {}) {
  tool = next;
  for (const tab of tabs) {
    const on = tab.dataset.tool === tool;
    tab.setAttribute("aria-selected", String(on));
    tab.tabIndex = on ? 0 : -1;
    if (on && focus) tab.focus();
    if (on) inSight(tab);
    document.getElementById(tab.getAttribute("aria-controls")).hidden = !on;
  }
  const off = closed();
  strip.hidden = off || !(tool in MARKS);
  trim.label = MARKS[tool] || "Part";
  if (tool === "fill" && trim.whole) trim.set(length / 4, (3 * length) / 4);
  if (tool !== "fill" && !trim.touched) trim.set(0, length);
  trim.draw();
  form.querySelector("[data-words]").hidden = off || tool === "upgrade";
  form.querySelector("[data-draft-first]").hidden = tool === "upgrade";
  form.querySelector(".edit__foot").hidden = off;
  order.clearProblem();
  refresh();
  order.quoteSoon();
}

panel.querySelector("[role=tablist]").addEventListener("keydown", (event) => {
  const at = tabs.findIndex((tab) => tab.dataset.tool === tool);
  const goal = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
  if (goal === undefined) return;
  event.preventDefault();
  show(tabs[(goal + tabs.length) % tabs.length].dataset.tool, { focus: true });
});
for (const tab of tabs) tab.addEventListener("click", () => show(tab.dataset.tool));

// --- What depends on what -----------------------------------------------------------------------------

function moved({ moved: time }) {
  trim.touched = true;
  player.pause();
  player.currentTime = time;
  refresh();
  order.changed();
}

function refresh() {
  for (const place of form.querySelectorAll("[data-of]")) {
    const name = place.dataset.of;
    const value = number(name);
    place.textContent = name.includes("strength") || name.includes("custom") ? `${Math.round(100 * value)} %` : secondsText(value);
  }
  for (const place of form.querySelectorAll("[data-when]")) {
    const [name, wanted] = place.dataset.when.split("=");
    place.hidden = field(name).value !== wanted;
  }
  const kept = trim.end - trim.start;
  field("recut_seconds").min = Math.ceil(2 * kept) / 2;
  field("at").max = Math.max(0, number("recut_seconds") - kept);
  const place = form.querySelector("[data-place]");
  const total = number("recut_seconds");
  place.style.insetInlineStart = `${(100 * number("at")) / total}%`;
  place.style.inlineSize = `${Math.min(100, (100 * kept) / total)}%`;
}

panel.querySelector("[data-second]").addEventListener("click", async (event) => {
  const chosen = await openUploadPicker({ workspace, kinds: ["video"] });
  event.target.closest("button").focus();
  if (!chosen) return;
  second = chosen;
  panel.querySelector("[data-second-name]").textContent = chosen.name;
  panel.querySelector("[data-second-span]").hidden = false;
  secondSpan.set(0, chosen.seconds, chosen.seconds);
  order.changed();
});

form.addEventListener("input", (event) => {
  if (event.target.name === "mode" && MODES[event.target.value]) curve.set(MODES[event.target.value]);
  refresh();
  order.changed();
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (closed()) return;
  if (tool === "blend" && !second) {
    order.showProblem({ message: "The second clip is missing.", remedy: "Choose one.", param: "edit.second" });
    return;
  }
  const job = await order.send();
  if (job) toast("Your clip is under way", { action: "Watch", onAction: () => location.assign("/activity/") });
});
form.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
});

field("recut_seconds").value = Math.min(longest, Math.ceil(length) + 2);
const ofAddress = () => tabs.find((tab) => tab.dataset.tool === location.hash.slice(1))?.dataset.tool;
addEventListener("hashchange", () => {
  if (!ofAddress()) return;
  show(ofAddress());
  panel.scrollIntoView({ block: "nearest" });
});
show(ofAddress() || tool);
if (ofAddress()) panel.scrollIntoView({ block: "nearest" });
