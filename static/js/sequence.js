// Stitching: parts of clips in a row, by cut or by cross-fade.
import { element, iconButton, readJson, secondsText } from "./dom.js";
import { Order } from "./order.js";
import { SpanSlider } from "./span_slider.js";
import { say, storage, toast } from "./ui.js";
import { openUploadPicker } from "./upload.js";

const page = document.querySelector("[data-sequence]");
const form = page.querySelector("form");
const list = page.querySelector("[data-parts]");
const player = page.querySelector("[data-preview-player]");
const { workspace, longest, most, fps } = readJson("sequence-settings");
const memory = storage(`sequence-${workspace}`, () => sessionStorage);
const first = readJson("first-part");

// A link with a clip begins with it; else what was here before, in this tab.
let parts = first.length ? first.map(partOf) : memory.read() || [];

const order = new Order(page, { workspace, values, fieldOf });

function partOf(item) {
  return { ...item, start: 0, end: item.seconds };
}

function fade() {
  return form.elements.joint.value === "fade" ? Number(form.elements.fade.value) : 0;
}

function total() {
  const whole = parts.reduce((sum, part) => sum + part.end - part.start, 0);
  return whole - fade() * Math.max(0, parts.length - 1);
}

function values() {
  if (parts.length < 2) return null;
  const [width, height] = form.elements.size.value.split("x").map(Number);
  const rows = parts.map(({ ref, start, end }) => ({ media: ref, start: Number(start.toFixed(4)), end: Number(end.toFixed(4)) }));
  return { tool: "stitch", edit: { parts: rows, fade: fade() }, width, height, fit: form.elements.fit.value };
}

function fieldOf(param) {
  const [, index, what] = /^(?:edit\.parts|plan\.keep)\[(\d+)\](?:\.(\w+))?/.exec(param) || [];
  if (what === "fade") return form.elements.fade;
  return index === undefined ? null : list.children[Number(index)]?.querySelector(".span__handle") || null;
}

// --- The parts --------------------------------------------------------------------------------------

function draw() {
  list.replaceChildren(...parts.map(row));
  page.querySelector("[data-none]").hidden = parts.length > 0;
  count();
}

function count() {
  const seconds = Math.max(0, total());
  page.querySelector("[data-total]").textContent = parts.length ? `${parts.length} parts, ${secondsText(seconds)} of ${longest} s` : "";
  page.querySelector("[data-fade-field]").hidden = form.elements.joint.value !== "fade";
  page.querySelector("[data-fade-text]").textContent = secondsText(Number(form.elements.fade.value));
  page.querySelector("[data-play]").disabled = !parts.some((part) => part.media_url);
  form.querySelector("[data-generate]").disabled = parts.length < 2;
  memory.write(parts);
}

function row(part, index) {
  const host = element("div");
  const item = element(
    "li",
    { class: "part panel" },
    element("img", { src: part.poster_url, alt: "" }),
    element("div", { class: "part__body" }, element("b", {}, `${index + 1}. ${part.name}`), host),
    element(
      "div",
      { class: "part__tools" },
      iconButton("chevron", `Move part ${index + 1} up`, () => move(index, -1), { look: "btn--ghost btn--icon part__up" }),
      iconButton("chevron", `Move part ${index + 1} down`, () => move(index, 1)),
      iconButton("trash", `Remove part ${index + 1}`, () => remove(index)),
    ),
  );
  item.querySelector(".part__up").disabled = index === 0;
  item.querySelectorAll(".part__tools button")[1].disabled = index === parts.length - 1;
  new SpanSlider(host, {
    length: part.seconds,
    start: part.start,
    end: part.end,
    fine: 1 / fps,
    label: `Part ${index + 1}`,
    onInput: ({ start, end }) => {
      Object.assign(part, { start, end });
      count();
      order.changed();
    },
  });
  return item;
}

function move(index, by) {
  const [part] = parts.splice(index, 1);
  parts.splice(index + by, 0, part);
  changed();
  const buttons = list.children[index + by].querySelectorAll(".part__tools button:not(:disabled)");
  buttons[by < 0 ? 0 : buttons.length - 2].focus();
  say(`Now part ${index + by + 1}`, { now: true });
}

function remove(index) {
  const [gone] = parts.splice(index, 1);
  changed();
  toast("Part removed", {
    action: "Undo",
    onAction: () => {
      parts.splice(index, 0, gone);
      changed();
    },
  });
}

function changed() {
  draw();
  order.changed();
}

page.querySelector("[data-add]").addEventListener("click", async () => {
  if (parts.length >= most) return toast(`At most ${most} parts. Stitch these first, then go on with the result.`, { bad: true });
  const chosen = await openUploadPicker({ workspace, kinds: ["video"] });
  page.querySelector("[data-add]").focus();
  if (!chosen) return;
  parts.push(partOf(chosen));
  changed();
});

// --- A preview of the order: the parts one after another, by cut --------------------------------------

let playing = -1;

function play(index) {
  playing = index;
  for (const [at, item] of [...list.children].entries()) item.classList.toggle("is-playing", at === index);
  const part = parts[index];
  if (!part) {
    player.pause();
    player.hidden = true;
    return;
  }
  if (!part.media_url) return play(index + 1);
  player.hidden = false;
  player.src = `${part.media_url}#t=${part.start},${part.end}`;
  player.play().catch(() => play(-1));
}

player.addEventListener("timeupdate", () => playing >= 0 && parts[playing] && player.currentTime >= parts[playing].end - 0.03 && play(playing + 1));
player.addEventListener("ended", () => playing >= 0 && play(playing + 1));
player.addEventListener("error", () => playing >= 0 && play(playing + 1));
page.querySelector("[data-play]").addEventListener("click", () => play(0));

form.addEventListener("input", () => {
  count();
  order.changed();
});
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const job = await order.send();
  if (!job) return;
  memory.forget();
  toast("Your sequence is under way", { action: "Watch", onAction: () => location.assign("/activity/") });
});

draw();
order.quoteSoon();
