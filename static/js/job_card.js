// Fills a job card (templates/generation/_job_card.html) from the API's generation object.
import { api } from "./api.js";
import { about, say, toast } from "./ui.js";

const FINAL = new Set(["succeeded", "refused", "failed", "cancelled"]);
const BADGE = {
  queued: ["Waiting", "badge"],
  running: ["In progress", "badge badge--accent"],
  succeeded: ["Ready", "badge badge--good"],
  refused: ["Not delivered", "badge badge--warn"],
  failed: ["Failed", "badge badge--bad"],
  cancelled: ["Cancelled", "badge"],
};
const HELD = ["With a person", "badge badge--warn"];
const STAGE = {
  queued: "Waiting for a free engine",
  load: "Waking the engine",
  prompt: "Checking the prompt",
  denoise: "Drawing",
  decode: "Developing the frames",
  checks: "Checking every frame",
  sign: "Marking and signing",
  store: "Saving",
};
// Which of the four visible steps a stage belongs to.
const STEP = { queued: 0, load: 1, prompt: 1, denoise: 1, decode: 1, checks: 2, sign: 3, store: 3 };

const slot = (card, name) => card.querySelector(`[data-slot="${name}"]`);

function text(card, name, value) {
  const place = slot(card, name);
  if (place && place.textContent !== value) place.textContent = value;
}

export function isFinal(job) {
  return FINAL.has(job.status);
}

function sentence(job) {
  if (job.status === "queued") {
    if (job.queue_position === 1) return "Next in line";
    return job.queue_position ? `Number ${job.queue_position} in line` : STAGE.queued;
  }
  const { stage, step, total } = job.progress || {};
  const name = STAGE[stage] || "Starting";
  return stage === "denoise" && total ? `${name}: step ${step} of ${total}` : name;
}

function remaining(job) {
  const percent = Math.round(job.progress?.percent || 0);
  const wait = about(job.eta_seconds);
  if (job.status === "queued") return wait && `${wait} to go`;
  return [`${percent} %`, wait && `${wait} left`].filter(Boolean).join(" · ");
}

function fillProgress(card, job) {
  const percent = job.status === "queued" ? 0 : Math.round(job.progress?.percent || 0);
  const bar = slot(card, "bar");
  bar.value = percent;
  bar.setAttribute("aria-valuetext", `${sentence(job)}, ${percent} percent`);
  text(card, "stage", sentence(job));
  text(card, "remaining", remaining(job) || "");
  const now = job.status === "queued" ? 0 : (STEP[job.progress?.stage] ?? 1);
  card.querySelectorAll("[data-step]").forEach((step, index) => {
    step.dataset.state = index < now ? "done" : index === now ? "now" : "todo";
  });
  const preview = slot(card, "preview");
  if (job.progress?.preview && !isFinal(job)) {
    if (preview.src !== job.progress.preview) preview.src = job.progress.preview;
    preview.hidden = false;
    const { stage, step, total } = job.progress;
    const seen = stage === "denoise" ? (total ? step / total : 0) : 1;
    preview.style.setProperty("--seen", seen.toFixed(2));
  } else {
    preview.hidden = true;
  }
}

function fillEdits(card, job) {
  const fold = slot(card, "edits");
  const list = fold.querySelector("ul");
  const edits = job.edits || [];
  fold.hidden = edits.length === 0;
  const shown = `${edits.length} ${isFinal(job)}`;
  if (list.dataset.shown === shown) return;
  list.dataset.shown = shown;
  list.replaceChildren(
    ...edits.map((edit, place) => {
      const item = document.createElement("li");
      if (edit.before) {
        const gone = document.createElement("del");
        gone.textContent = edit.before;
        item.append(gone, " → ");
      }
      const added = document.createElement("ins");
      added.textContent = edit.after || "left out";
      const why = document.createElement("p");
      why.textContent = edit.reason || "";
      if (edit.avoid) why.textContent += ` Kept out as well: ${edit.avoid}.`;
      item.append(added, why);
      item.append(edit.revertible && isFinal(job) ? revertButton(job, place) : remark(edit.why_not));
      return item;
    }),
  );
  text(card, "rewritten", job.rewritten_prompt || "");
}

function remark(words) {
  const note = document.createElement("p");
  note.className = "muted";
  note.textContent = words || "";
  note.hidden = !words;
  return note;
}

function revertButton(job, place) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "btn btn--quiet btn--sm";
  button.dataset.slot = "revert";
  button.dataset.place = place;
  button.textContent = `Make it again without this change (${job.cost_credits} ${job.cost_credits === 1 ? "credit" : "credits"})`;
  return button;
}

function fillUnderstood(card, job) {
  const unknown = job.unknown_words || [];
  const draws = (job.understood || []).join(", ") || "something of its own";
  text(card, "understood", unknown.length ? `Draws: ${draws}; not understood: ${unknown.join(", ")}` : "");
  slot(card, "understood").hidden = unknown.length === 0;
}

function fillVideo(card, job) {
  const player = slot(card, "player");
  if (!job.video) {
    player.hidden = true;
    return;
  }
  if (player.dataset.video !== job.video.id) {
    player.dataset.video = job.video.id;
    player.poster = job.video.poster_url;
    player.src = job.video.media_url;
    player.setAttribute("aria-label", `Clip: ${job.prompt}`);
  }
  player.hidden = false;
  slot(card, "open").href = job.video.page_url;
  const upgrade = slot(card, "upgrade");
  upgrade.hidden = !job.plan?.full;
  upgrade.href = `${job.video.page_url}#upgrade`;
  slot(card, "download").href = job.video.download_url;
  const share = slot(card, "share");
  share.setAttribute("aria-pressed", String(Boolean(job.video.shared_at)));
  share.querySelector("[data-label]").textContent = job.video.shared_at ? "Shared" : "Share";
}

// Variations of one request: batch -> its cards. Each of them shows all, by their order.
const batches = new Map();

function fillVariations(card, job) {
  if (!job.batch) return;
  if (!batches.has(job.batch)) batches.set(job.batch, new Map());
  const cards = batches.get(job.batch);
  cards.set(job.variation, card);
  if (cards.size < 2) return;
  const jobs = [...cards.values()].map((one) => one.job).sort((a, b) => a.variation - b.variation);
  for (const one of cards.values()) {
    slot(one, "variations")?.replaceChildren(...jobs.map((other) => variation(other, other.id === one.job.id)));
  }
}

function variation(job, current) {
  const made = document.createElement(job.video ? "a" : "span");
  if (current) made.setAttribute("aria-current", "true");
  if (!job.video) {
    made.textContent = `${job.variation + 1}`;
    made.title = BADGE[job.status][0];
    return made;
  }
  const picture = document.createElement("img");
  picture.src = job.video.poster_url;
  picture.alt = `Variation ${job.variation + 1}`;
  made.href = job.video.page_url;
  made.append(picture);
  return made;
}

/** Show `job` on `card`. Everything shown comes from `job`, so a repeated call changes nothing. */
export function fill(card, job) {
  const before = card.dataset.status;
  card.job = job;
  card.dataset.job = job.id;
  // Finished, but a person looks at it before its owner gets it.
  const held = job.status === "succeeded" && job.reason;
  card.dataset.status = held ? "refused" : job.status;
  const [label, look] = held ? HELD : BADGE[job.status];
  const badge = slot(card, "badge");
  badge.className = look;
  badge.textContent = label;
  text(card, "prompt", job.prompt);
  text(card, "size", `${job.plan?.full ? "draft " : ""}${job.width}×${job.height}`);
  text(card, "seconds", `${job.seconds} s`);
  text(card, "seed", `seed ${job.seed}`);
  const credits = job.credit_state === "released" ? "not charged" : `${job.cost_credits} credits`;
  text(card, "cost", credits);
  slot(card, "cancel").hidden = !job.can_cancel;
  fillProgress(card, job);
  fillEdits(card, job);
  fillUnderstood(card, job);
  fillVideo(card, job);
  fillVariations(card, job);
  if (job.reason) {
    text(card, "reason", job.reason.message);
    text(card, "remedy", job.reason.remedy || "");
  }
  const decision = slot(card, "decision");
  decision.hidden = !job.reason?.decision_url;
  if (job.reason?.decision_url) decision.href = job.reason.decision_url;
  const again = slot(card, "again");
  const query = new URLSearchParams({ prompt: job.prompt, size: `${job.width}x${job.height}`, seconds: job.seconds });
  again.href = `/create/?${query}`;
  if (!isFinal(job)) say(`${sentence(job)}. ${remaining(job)}`);
  else if (before && before !== card.dataset.status) say(`${label}: ${job.prompt}`, { now: true });
}

/** Merge a progress event into the job a card shows. */
export function advance(card, event) {
  if (!card.job || isFinal(card.job)) return;
  const job = { ...card.job, progress: event.progress, status: "running", can_cancel: card.job.can_cancel };
  for (const key of ["queue_position", "eta_seconds"]) if (key in event) job[key] = event[key];
  fill(card, job);
}

export function newCard() {
  const template = document.getElementById("job-card");
  const card = template.content.firstElementChild.cloneNode(true);
  return card;
}

/** Buttons of all cards below `root`. `changed(job)` gets what the server answers. */
export function handleButtons(root, changed) {
  root.addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-slot]");
    const card = button?.closest("[data-card]");
    if (!card?.job || button.getAttribute("aria-busy") === "true") return;
    const job = card.job;
    button.setAttribute("aria-busy", "true");
    try {
      if (button.dataset.slot === "cancel") {
        changed(await api(`/api/v1/generations/${job.id}/cancel/`, { method: "POST" }));
      } else if (button.dataset.slot === "revert") {
        const body = { edits: [Number(button.dataset.place)] };
        changed(await api(`/api/v1/generations/${job.id}/revert/`, { method: "POST", body }));
        toast("A new clip is on its way; this one stays");
      } else if (button.dataset.slot === "share" && job.video) {
        const verb = job.video.shared_at ? "unshare" : "share";
        const video = await api(`/api/v1/videos/${job.video.id}/${verb}/`, { method: "POST" });
        changed({ ...job, video: { ...job.video, shared_at: video.shared_at } });
        toast(verb === "share" ? "Shared to Recent" : "No longer shared");
      }
    } catch (error) {
      toast([error.message, error.remedy].filter(Boolean).join(" "), { bad: true });
    } finally {
      button.removeAttribute("aria-busy");
    }
  });
}
