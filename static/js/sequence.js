// Stitching: parts of clips in a row, by cut or by cross-fade. Kept as a draft, with undo and redo.
import { element, iconButton, readJson, secondsText } from "./dom.js";
import { DraftKeeper } from "./draft_keeper.js";
import { Edits } from "./edits.js";
import { Order } from "./order.js";
import { SpanSlider } from "./span_slider.js";
import { say, toast } from "./ui.js";
import { openUploadPicker } from "./upload.js";

const page = document.querySelector("[data-sequence]");
const form = page.querySelector("form");
const list = page.querySelector("[data-parts]");
const player = page.querySelector("[data-preview-player]");
const title = page.querySelector("[data-title]");
const { workspace, longest, most, fps } = readJson("sequence-settings");
const draft = readJson("draft");
const media = draft.media; // by reference: what can be used of it now, with its links

const edits = new Edits(
  {
    parts: (draft.plan.parts || []).map(({ media: ref, start = 0, end }) => ({ ref, start, end: end ?? media[ref]?.seconds ?? 1 })),
    joint: draft.plan.joint || "cut",
    fade: draft.plan.fade || 0.5,
    size: draft.plan.size || form.elements.size.value,
    fit: draft.plan.fit || "crop",
  },
  changed,
);
if (![...form.elements.size.options].some((option) => option.value === edits.state.size && !option.disabled)) edits.state.size = form.elements.size.value;
const order = new Order(page, { workspace, values, fieldOf });
const keeper = new DraftKeeper(page, { workspace, draft, content, onProblem: (error) => order.showProblem(error, { early: true }) });
let drawn = ""; // the parts as the list shows them: their order, not their spans

const parts = () => edits.state.parts;
const fade = () => (edits.state.joint === "fade" ? edits.state.fade : 0);
const round = (value) => Number(value.toFixed(4));
const rows = () => parts().map(({ ref, start, end }) => ({ media: ref, start: round(start), end: round(end) }));

function total() {
  const whole = parts().reduce((sum, part) => sum + part.end - part.start, 0);
  return whole - fade() * Math.max(0, parts().length - 1);
}

function values() {
  if (parts().length < 2) return null;
  const [width, height] = edits.state.size.split("x").map(Number);
  return { tool: "stitch", edit: { parts: rows(), fade: fade() }, width, height, fit: edits.state.fit };
}

function content() {
  const { joint, fade: seconds, size, fit } = edits.state;
  return { title: title.value, plan: { schema: 1, kind: "sequence", parts: rows(), joint, fade: seconds, size, fit } };
}

function fieldOf(param) {
  const [, index, what] = /^(?:edit\.parts|plan\.keep)\[(\d+)\](?:\.(\w+))?/.exec(param) || [];
  if (what === "fade") return form.elements.fade;
  return index === undefined ? null : list.children[Number(index)]?.querySelector(".span__handle") || null;
}

// --- The parts --------------------------------------------------------------------------------------

function draw() {
  const shape = JSON.stringify(parts().map(({ ref }) => ref));
  if (shape !== drawn) list.replaceChildren(...parts().map(row));
  drawn = shape;
  for (const [index, part] of parts().entries()) {
    const { slider } = list.children[index];
    if (slider.start !== part.start || slider.end !== part.end) slider.set(part.start, part.end);
  }
  page.querySelector("[data-none]").hidden = parts().length > 0;
  const { joint, fade: seconds, size, fit } = edits.state;
  form.elements.joint.value = joint;
  form.elements.fade.value = seconds;
  form.elements.size.value = size;
  form.elements.fit.value = fit;
  page.querySelector("[data-total]").textContent = parts().length ? `${parts().length} ${parts().length === 1 ? "part" : "parts"}, ${secondsText(Math.max(0, total()))} of ${longest} s` : "";
  page.querySelector("[data-fade-field]").hidden = joint !== "fade";
  page.querySelector("[data-fade-text]").textContent = secondsText(seconds);
  page.querySelector("[data-play]").disabled = !parts().some((part) => media[part.ref]?.media_url);
  page.querySelector("[data-undo]").disabled = !edits.past.length;
  page.querySelector("[data-redo]").disabled = !edits.future.length;
  form.querySelector("[data-generate]").disabled = parts().length < 2;
}

function row(part, index) {
  const found = media[part.ref];
  const name = found?.name || "No longer there";
  const host = element("div");
  const item = element(
    "li",
    { class: found ? "part panel" : "part panel is-missing" },
    found ? element("img", { src: found.poster_url, alt: "" }) : element("span", {}),
    element("div", { class: "part__body" }, element("b", {}, `${index + 1}. ${name}`), host),
    element(
      "div",
      { class: "part__tools" },
      iconButton("chevron", `Move part ${index + 1} up`, () => move(index, -1), { look: "btn--ghost btn--icon part__up" }),
      iconButton("chevron", `Move part ${index + 1} down`, () => move(index, 1)),
      iconButton("copy", `Duplicate part ${index + 1}`, () => duplicate(index)),
      iconButton("trash", `Remove part ${index + 1}`, () => remove(index)),
    ),
  );
  item.querySelector(".part__up").disabled = index === 0;
  item.querySelectorAll(".part__tools button")[1].disabled = index === parts().length - 1;
  item.slider = new SpanSlider(host, {
    length: found?.seconds || part.end,
    start: part.start,
    end: part.end,
    fine: 1 / fps,
    label: `Part ${index + 1}`,
    onInput: ({ start, end }) => edits.change((state) => Object.assign(state.parts[index], { start, end }), `span ${index}`),
  });
  return item;
}

function move(index, by) {
  edits.change((state) => {
    const [part] = state.parts.splice(index, 1);
    state.parts.splice(index + by, 0, part);
  });
  const buttons = [...list.children[index + by].querySelectorAll(".part__tools button")].slice(0, 2);
  (buttons[by < 0 ? 0 : 1].disabled ? buttons[by < 0 ? 1 : 0] : buttons[by < 0 ? 0 : 1]).focus();
  say(`Now part ${index + by + 1}`, { now: true });
}

function full() {
  if (parts().length < most) return false;
  toast(`At most ${most} parts. Stitch these first, then go on with the result.`, { bad: true });
  return true;
}

function duplicate(index) {
  if (!full()) edits.change((state) => state.parts.splice(index + 1, 0, { ...state.parts[index] }));
}

function remove(index) {
  const gone = parts()[index];
  edits.change((state) => state.parts.splice(index, 1));
  toast("Part removed", { action: "Undo", onAction: () => edits.change((state) => state.parts.splice(index, 0, gone)) });
  (list.children[Math.min(index, list.children.length - 1)]?.querySelector(".part__tools button:last-child") || page.querySelector("[data-add]")).focus();
}

function undo() {
  if (edits.undo()) say("Undone", { now: true });
}

function redo() {
  if (edits.redo()) say("Done again", { now: true });
}

function changed() {
  draw();
  order.changed();
  keeper.soon();
}

page.querySelector("[data-add]").addEventListener("click", async () => {
  if (full()) return;
  const chosen = await openUploadPicker({ workspace, kinds: ["video"] });
  page.querySelector("[data-add]").focus();
  if (!chosen) return;
  media[chosen.ref] = chosen;
  edits.change((state) => state.parts.push({ ref: chosen.ref, start: 0, end: chosen.seconds }));
});

// --- A preview of the order: the parts one after another, by cut --------------------------------------

let playing = -1;

function play(index) {
  playing = index;
  for (const [at, item] of [...list.children].entries()) item.classList.toggle("is-playing", at === index);
  const part = parts()[index];
  if (!part) {
    player.pause();
    player.hidden = true;
    return;
  }
  const url = media[part.ref]?.media_url;
  if (!url) return play(index + 1);
  player.hidden = false;
  player.src = `${url}#t=${part.start},${part.end}`;
  player.play().catch(() => play(-1));
}

player.addEventListener("timeupdate", () => playing >= 0 && parts()[playing] && player.currentTime >= parts()[playing].end - 0.03 && play(playing + 1));
player.addEventListener("ended", () => playing >= 0 && play(playing + 1));
player.addEventListener("error", () => playing >= 0 && play(playing + 1));
page.querySelector("[data-play]").addEventListener("click", () => play(0));

// --- The page ------------------------------------------------------------------------------------------

form.addEventListener("input", (event) => {
  const { name, value } = event.target;
  if (name in edits.state) edits.change((state) => Object.assign(state, { [name]: name === "fade" ? Number(value) : value }), name);
});
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  await keeper.save();
  const job = await order.send();
  if (job) toast("Your sequence is under way", { action: "Watch", onAction: () => location.assign("/activity/") });
});
title.addEventListener("input", () => keeper.soon());
page.querySelector("[data-undo]").addEventListener("click", undo);
page.querySelector("[data-redo]").addEventListener("click", redo);
addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]") || !(event.ctrlKey || event.metaKey)) return;
  const key = event.key.toLowerCase();
  if (key === "enter") form.requestSubmit();
  else if (event.target.matches("input:not([type=radio], [type=range]), textarea")) return; // the field's own undo
  else if (key === "z" && !event.shiftKey) undo();
  else if ((key === "z" && event.shiftKey) || key === "y") redo();
  else return;
  event.preventDefault();
});

draw();
order.quoteSoon();
