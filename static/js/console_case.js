// One case: the covered player with its frames and scores, the claim, and deciding with one key.
import { ApiError, api } from "./api.js";
import { listen } from "./console_keys.js";
import { toast } from "./ui.js";

const HOLD_MS = 1200; // how long Esc can still stop a decision made with a key
const FRAMES = 12;

const page = document.querySelector("[data-case]");
const keys = {};

// --- The player ---------------------------------------------------------------------------------

const player = document.querySelector("[data-player]");
const video = player?.querySelector("video");
const cover = { blur: player?.dataset.blur === "1", grey: player?.dataset.grey === "1", mute: player?.dataset.mute === "1" };
let opened = ""; // "", "played" or "revealed": what this page was given the clip for
let uncovered = false;

function paint() {
  if (!player) return;
  document.body.dataset.coverBlur = cover.blur && !uncovered ? "1" : "0";
  document.body.dataset.coverGrey = cover.grey && !uncovered ? "1" : "0";
  if (video) {
    video.muted = cover.mute;
    video.setAttribute("aria-label", uncovered ? "The clip" : "The clip, covered");
  }
  for (const name of ["blur", "grey", "mute"]) {
    player.querySelector(`[data-do="${name}"]`)?.setAttribute("aria-pressed", String(cover[name]));
  }
  player.querySelector('[data-do="reveal"]')?.setAttribute("aria-pressed", String(uncovered));
  const note = player.querySelector("[data-screen-note]");
  if (note) note.textContent = uncovered ? "Uncovered" : [cover.blur && "blurred", cover.grey && "grey", cover.mute && "silent"].filter(Boolean).join(", ") || "plain";
}

/** Ask for the clip. The look is written down before the address comes. */
async function look(what) {
  if (opened === what || (opened === "revealed" && what === "played")) return true;
  try {
    const body = new FormData();
    body.set("what", what);
    const answer = await api(player.dataset.lookUrl, { method: "POST", body });
    opened = what;
    if (!video.src) {
      video.src = answer.media_url;
      drawStrip(answer.media_url);
    }
    showBudget(answer);
    return true;
  } catch (failure) {
    if (failure instanceof ApiError && failure.code === "exposure_spent") rest(failure);
    else toast(failure.message, { bad: true });
    return false;
  }
}

function showBudget(answer) {
  const meter = document.querySelector("[data-meter]");
  if (!meter) return;
  meter.value = answer.percent;
  meter.closest(".meter").classList.toggle("meter--high", answer.percent >= 80);
  document.querySelector("[data-meter-text]").textContent = `${answer.used} / ${answer.most}`;
}

/** The break card instead of the picture, counting down where there is an end. */
function rest(failure) {
  const card = player.querySelector("[data-breakcard]");
  card.hidden = false;
  if (video) {
    video.pause();
    video.hidden = true;
  }
  player.querySelector("[data-screen-note]")?.remove();
  card.querySelector("h2").textContent = failure.details.resting_until ? "A break is due" : "Enough for today";
  card.querySelector("[data-breakcard-says]").textContent = `${failure.message} ${failure.remedy || ""}`;
  const until = failure.details.resting_until ? Date.parse(failure.details.resting_until) : 0;
  if (!until) return;
  const left = card.querySelector("[data-breakcard-left]");
  const tick = () => {
    const seconds = Math.max(0, Math.round((until - Date.now()) / 1000));
    left.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    if (seconds > 0) return;
    clearInterval(timer);
    card.hidden = true;
    video.hidden = false;
  };
  const timer = setInterval(tick, 1000);
  tick();
}

async function play() {
  if (!(await look("played"))) return;
  if (video.paused) await video.play().catch(() => {});
  else video.pause();
}

async function reveal() {
  if (!uncovered && !(await look("revealed"))) return;
  uncovered = !uncovered;
  paint();
  if (uncovered && video.paused) await video.play().catch(() => {});
}

function toggle(name) {
  // Taking a cover off is a look of its own; putting it on is free.
  if (name !== "mute" && cover[name] && !uncovered) {
    look("revealed").then((allowed) => {
      if (!allowed) return;
      cover[name] = false;
      paint();
    });
    return;
  }
  cover[name] = !cover[name];
  paint();
}

async function seek(seconds) {
  if (!(await look("played"))) return;
  video.pause();
  video.currentTime = Math.max(0, Math.min(Number(player.dataset.seconds) - 0.01, seconds));
}

/** Small frames along the clip, drawn from a second copy so that the player stays where it is. */
function drawStrip(url) {
  const strip = player.querySelector("[data-strip]");
  const seconds = Number(player.dataset.seconds);
  const flagged = (player.querySelector("[data-flagged]")?.textContent || "").split(" ").filter(Boolean).map(Number);
  const copy = document.createElement("video");
  copy.muted = true;
  copy.preload = "auto";
  copy.src = url;
  let index = 0;
  const next = () => {
    if (index >= FRAMES) return;
    copy.currentTime = Math.min(seconds - 0.01, ((index + 0.5) * seconds) / FRAMES);
  };
  copy.addEventListener("loadeddata", () => {
    strip.replaceChildren();
    next();
  }, { once: true });
  copy.addEventListener("seeked", () => {
    const at = copy.currentTime;
    const canvas = document.createElement("canvas");
    canvas.width = 160;
    canvas.height = Math.round((160 * copy.videoHeight) / copy.videoWidth) || 90;
    canvas.className = "covered";
    canvas.getContext("2d").drawImage(copy, 0, 0, canvas.width, canvas.height);
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-label", `Frame at ${at.toFixed(1)} s`);
    const half = seconds / FRAMES / 2;
    if (flagged.some((second) => Math.abs(second - at) <= half)) button.dataset.flagged = "";
    button.append(canvas);
    button.addEventListener("click", () => seek(at));
    strip.append(button);
    index += 1;
    next();
  });
}

if (player && video) {
  const actions = { play, reveal, blur: () => toggle("blur"), grey: () => toggle("grey"), mute: () => toggle("mute") };
  for (const button of player.querySelectorAll("[data-do]")) button.addEventListener("click", actions[button.dataset.do]);
  const clock = player.querySelector("[data-clock]");
  const heads = player.querySelectorAll("[data-playhead]");
  video.addEventListener("timeupdate", () => {
    clock.textContent = `${video.currentTime.toFixed(1)} / ${Number(player.dataset.seconds).toFixed(1)} s`;
    const x = (600 * video.currentTime) / Number(player.dataset.seconds);
    for (const head of heads) {
      head.setAttribute("x1", x);
      head.setAttribute("x2", x);
    }
  });
  for (const mark of player.querySelectorAll("[data-seek]")) mark.addEventListener("click", () => seek(Number(mark.dataset.seek)));
  const flagged = (player.querySelector("[data-flagged]")?.textContent || "").split(" ").filter(Boolean).map(Number);
  const step = 1 / Number(player.dataset.fps || 12);
  Object.assign(keys, {
    Space: play,
    v: reveal,
    h: actions.blur,
    y: actions.grey,
    m: actions.mute,
    ",": () => seek(video.currentTime - step),
    ".": () => seek(video.currentTime + step),
    "[": () => seek([...flagged].reverse().find((second) => second < video.currentTime - 0.05) ?? flagged[0] ?? 0),
    "]": () => seek(flagged.find((second) => second > video.currentTime + 0.05) ?? flagged.at(-1) ?? 0),
  });
  paint();
}

// --- The claim ----------------------------------------------------------------------------------

if (page?.dataset.claimUrl && page.dataset.open === "1" && page.dataset.mine === "1") {
  setInterval(async () => {
    if (document.visibilityState === "hidden") return; // a page nobody looks at lets go of the case
    try {
      await api(page.dataset.claimUrl, { method: "POST", body: new FormData() });
    } catch (failure) {
      if (failure.code === "claim_held" || failure.code === "case_closed") toast(`${failure.message} ${failure.remedy || ""}`, { bad: true });
    }
  }, Number(page.dataset.renew) * 1000);
}

// --- Deciding -----------------------------------------------------------------------------------

const form = document.querySelector("[data-decide]");
let pending = null;

/** A key chose: send in a moment, unless Esc comes first. */
function choose(button) {
  if (pending) return;
  const note = form.querySelector("textarea");
  if (!note.value.trim()) note.value = button.dataset.says;
  const bar = document.createElement("p");
  bar.className = "pending";
  bar.setAttribute("role", "status");
  const stop = document.createElement("button");
  stop.type = "button";
  stop.className = "btn btn--sm";
  stop.textContent = "Stop (Esc)";
  stop.addEventListener("click", cancel);
  bar.append(`${button.firstChild.textContent.trim()}…`, stop);
  form.append(bar);
  pending = { bar, button, timer: setTimeout(send, HOLD_MS) };
}

function send() {
  if (!pending) return;
  clearTimeout(pending.timer);
  // form.submit() sends no button: the choice travels in the hidden field.
  form.querySelector("[data-action]").value = pending.button.value;
  pending = null;
  form.submit();
}

function cancel() {
  if (!pending) return false;
  clearTimeout(pending.timer);
  pending.bar.remove();
  pending = null;
}

if (form) {
  for (const button of form.querySelectorAll("[data-key]")) {
    keys[button.dataset.key] = () => choose(button);
    button.addEventListener("click", () => {
      const note = form.querySelector("textarea");
      if (!note.value.trim()) note.value = button.dataset.says;
      cancel();
    });
  }
  keys.i = () => form.querySelector("textarea").focus();
}
keys.Enter = () => (pending ? send() : false);
keys.n = () => {
  if (!page?.dataset.skip) return false;
  location.assign(page.dataset.skip);
};
keys.z = () => {
  const back = document.querySelector("[data-put-back]");
  if (!back) return false;
  back.submit();
};
keys.q = () => location.assign(document.querySelector("[data-back]").href);

listen(keys, {
  Escape: (event) => {
    if (pending) return cancel();
    if (event.target.closest("textarea")) return event.target.blur();
    return false;
  },
});
