// Bringing a file along: send it in pieces that survive a lost connection, and a dialog to choose one.
//
//   const chosen = await openUploadPicker({ workspace: 7, kinds: ["image", "video"] });
//   chosen === null (closed) or { ref, name, poster_url, media_url, kind, seconds }
//
// `ref` is what an edit plan calls it: "upload:<id>" or "video:<id>".
import { api, ApiError } from "./api.js";
import { say, storage } from "./ui.js";

const TYPES = {
  image: ["image/png", "image/jpeg", "image/webp", "image/heic", "image/heif", ".heic"],
  video: ["video/mp4", "video/quicktime", "video/webm"],
};
const LOOK_AGAIN_MS = 900;
const MOST_WAIT_MS = 15_000;
const icons = document.documentElement.dataset.icons;

// --- Sending ------------------------------------------------------------------------------------

/** Where an unfinished upload of this very file stands, across reloads. */
function memory(workspace, file) {
  return storage(`upload-${workspace}-${file.name}-${file.size}-${file.lastModified}`);
}

function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener("online", done);
      if (signal?.aborted) reject(signal.reason);
      else resolve();
    };
    const timer = setTimeout(done, ms);
    addEventListener("online", done, { once: true }); // the network is back: no need to wait
    signal?.addEventListener("abort", done, { once: true });
  });
}

/** Call again while the server can't be reached or is overloaded; every other refusal is final. */
async function stubbornly(call, { signal, onWait }) {
  for (let wait = 1000; ; wait = Math.min(2 * wait, MOST_WAIT_MS)) {
    try {
      return await call();
    } catch (error) {
      const passing = error instanceof ApiError && [0, 429, 502, 503, 504].includes(error.status);
      if (!passing || error.code === "too_many_open") throw error;
      onWait?.(error);
      await pause(error.retryAfter ? error.retryAfter * 1000 : wait, signal);
    }
  }
}

async function unfinished(workspace, file, signal) {
  const id = memory(workspace, file).read();
  if (!id) return null;
  try {
    const found = await api(`/api/v1/uploads/${id}/`, { signal });
    return found.status === "receiving" && found.size_bytes === file.size ? found : null;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}

/**
 * Send a file and wait until it is checked. Goes on where an earlier attempt stopped, also after a
 * reload when the same file is chosen again. Resolves to the upload, ready or refused.
 * onStart(upload), onProgress(share 0..1), onWait(error) while the network is away, onChecking().
 */
export async function sendFile(workspace, file, { signal, onStart, onProgress, onWait, onChecking } = {}) {
  const kept = memory(workspace, file);
  const again = { signal, onWait };
  let upload = await stubbornly(() => unfinished(workspace, file, signal), again);
  if (!upload) {
    upload = await stubbornly(
      () =>
        api(`/api/v1/workspaces/${workspace}/uploads/`, {
          method: "POST",
          body: { name: file.name || "pasted.png", size_bytes: file.size },
          signal,
        }),
      again,
    );
    kept.write(upload.id);
  }
  onStart?.(upload);
  const url = `/api/v1/uploads/${upload.id}/`;
  try {
    while (upload.status === "receiving") {
      onProgress?.(upload.offset / file.size);
      upload = await stubbornly(() => sendPiece(url, file, upload, signal), again);
    }
    onProgress?.(1);
    onChecking?.();
    while (upload.status === "waiting" || upload.status === "checking") {
      await pause(LOOK_AGAIN_MS, signal);
      upload = await stubbornly(() => api(url, { signal }), again);
    }
  } catch (error) {
    if (error instanceof ApiError) kept.forget();
    throw error;
  }
  kept.forget();
  return upload;
}

async function sendPiece(url, file, upload, signal) {
  try {
    return await api(url, {
      method: "PATCH",
      body: file.slice(upload.offset, upload.offset + upload.chunk_bytes),
      headers: { "Content-Type": "application/octet-stream", "Upload-Offset": String(upload.offset) },
      signal,
    });
  } catch (error) {
    // The piece came but its answer was lost, or another tab sends the same file.
    if (error instanceof ApiError && error.code === "upload_offset") return api(url, { signal });
    throw error;
  }
}

// --- The dialog ---------------------------------------------------------------------------------

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${icons}#${name}`);
  svg.append(use);
  return svg;
}

function button(text, kind, onClick) {
  const made = element("button", { type: "button", class: `btn ${kind}` }, text);
  made.addEventListener("click", onClick);
  return made;
}

function length(seconds) {
  if (!seconds) return "";
  const whole = Math.round(seconds);
  return ` · ${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

function ofUpload(upload) {
  return {
    ref: upload.ref,
    name: upload.name,
    poster_url: upload.poster_url,
    media_url: upload.media_url,
    kind: upload.kind,
    seconds: upload.kind === "video" ? upload.seconds : 0,
  };
}

function ofClip(clip) {
  return {
    ref: `video:${clip.id}`,
    name: clip.prompt,
    poster_url: clip.poster_url,
    media_url: clip.media_url,
    kind: "video",
    seconds: clip.seconds,
  };
}

/** Open the dialog. Resolves to what was chosen, or to null when it was closed. */
export function openUploadPicker({ workspace, kinds = ["image", "video"], clips = true } = {}) {
  return new Promise((resolve) => new Picker(workspace, kinds, clips, resolve).open());
}

class Picker {
  constructor(workspace, kinds, clips, resolve) {
    this.workspace = workspace;
    this.kinds = kinds;
    this.clips = clips && kinds.includes("video");
    this.resolve = resolve;
    this.chosen = null;
    this.sending = null;
    this.file = element("input", {
      type: "file",
      class: "visually-hidden",
      tabindex: "-1",
      "aria-hidden": "true",
      accept: kinds.flatMap((kind) => TYPES[kind]).join(","),
    });
    this.status = element("div", { class: "picker__status", role: "status", "aria-live": "polite" });
    this.drop = this.makeDrop();
    this.shelves = element("div", { class: "stack stack--l picker__shelves" });
    this.body = element("div", { class: "stack stack--l" }, this.drop, this.status, this.shelves);
    this.dialog = element(
      "dialog",
      { class: "dialog picker", "aria-labelledby": "picker-title" },
      element(
        "header",
        { class: "row row--between" },
        element("h2", { id: "picker-title" }, kinds.length > 1 ? "Choose a picture or a clip" : kinds[0] === "image" ? "Choose a picture" : "Choose a clip"),
        this.closeButton(),
      ),
      this.body,
    );
  }

  open() {
    document.body.append(this.dialog);
    this.dialog.addEventListener("close", () => this.closed());
    this.dialog.addEventListener("paste", (event) => this.take(event.clipboardData?.files, event));
    this.file.addEventListener("change", () => this.take(this.file.files));
    this.dialog.showModal();
    this.fillShelves();
    if (this.clips) this.addClips();
  }

  closed() {
    this.sending?.abort(new DOMException("closed", "AbortError"));
    this.dialog.remove();
    this.resolve(this.chosen);
  }

  choose(item) {
    this.chosen = item;
    this.dialog.close();
  }

  closeButton() {
    const made = button("", "btn--icon btn--ghost", () => this.dialog.close());
    made.setAttribute("aria-label", "Close");
    made.append(icon("close"));
    return made;
  }

  makeDrop() {
    const what = this.kinds.includes("video") ? "PNG, JPEG, WebP, HEIC, MP4, MOV or WebM" : "PNG, JPEG, WebP or HEIC";
    const area = element(
      "div",
      { class: "drop picker__drop" },
      icon("upload"),
      element("p", {}, "Drop a file here, or paste a picture"),
      element("p", { class: "muted" }, what),
      this.file,
      button("Choose a file", "btn--primary", () => this.file.click()),
    );
    for (const name of ["dragenter", "dragover"]) {
      area.addEventListener(name, (event) => {
        event.preventDefault();
        area.classList.add("is-over");
      });
    }
    for (const name of ["dragleave", "drop"]) area.addEventListener(name, () => area.classList.remove("is-over"));
    area.addEventListener("drop", (event) => this.take(event.dataTransfer.files, event));
    return area;
  }

  take(files, event) {
    if (!files?.length) return;
    event?.preventDefault();
    if (!this.sending) this.send(files[0]);
  }

  // --- One file -----------------------------------------------------------------------------------

  async send(file) {
    this.sending = new AbortController();
    const bar = element("progress", { max: "1", value: "0", "aria-label": `Sending ${file.name}` });
    const text = element("p", {}, `Sending ${file.name}`);
    let started = null;
    const cancel = button("Cancel", "btn--quiet btn--sm", () => {
      this.sending.abort(new DOMException("cancelled", "AbortError"));
      if (started) api(`/api/v1/uploads/${started.id}/`, { method: "DELETE" }).catch(() => {});
      memory(this.workspace, file).forget();
    });
    this.drop.hidden = true;
    this.status.replaceChildren(element("div", { class: "panel panel--pad stack stack--s" }, text, bar, cancel));
    cancel.focus();
    try {
      const upload = await sendFile(this.workspace, file, {
        signal: this.sending.signal,
        onStart: (found) => (started = found),
        onProgress: (share) => {
          bar.value = share;
          text.textContent = `Sending ${file.name}: ${Math.round(share * 100)} %`;
        },
        onWait: () => (text.textContent = "The server can't be reached. It goes on by itself when it is back."),
        onChecking: () => {
          bar.removeAttribute("value");
          text.textContent = "Checking the file. Nobody can see it before that.";
          say("Checking the file", { now: true });
        },
      });
      if (upload.status === "ready") {
        if (this.kinds.includes(upload.kind)) this.choose(ofUpload(upload));
        else this.problem({ message: `This is ${upload.kind === "video" ? "a video" : "a picture"}.`, remedy: `Choose ${this.kinds[0] === "video" ? "a video" : "a picture"} here. The file is kept in your uploads.` });
      } else {
        this.problem(upload.reason || { message: "The file was not taken." });
      }
    } catch (error) {
      if (error.name === "AbortError") this.again();
      else if (!(error instanceof ApiError)) throw error;
      else if (error.code === "upload_agreement_required") this.askAgreement(file);
      else this.problem(error);
    } finally {
      this.sending = null;
      this.file.value = "";
    }
  }

  again() {
    this.status.replaceChildren();
    this.drop.hidden = false;
  }

  problem({ message, remedy }) {
    this.again();
    const box = element(
      "div",
      { class: "alert alert--error", role: "alert" },
      icon("alert"),
      element("div", {}, element("strong", {}, message), remedy ? ` ${remedy}` : ""),
    );
    this.status.replaceChildren(box);
    this.drop.querySelector("button").focus();
  }

  // --- The agreement, asked once ------------------------------------------------------------------

  async askAgreement(file) {
    let text;
    try {
      text = await api("/api/v1/upload-agreement/");
    } catch (error) {
      this.problem(error);
      return;
    }
    const boxes = text.statements.map((statement) =>
      element("label", { class: "check" }, element("input", { type: "checkbox", required: true, value: statement.code }), element("span", {}, statement.text)),
    );
    const form = element(
      "form",
      { class: "panel panel--pad stack", "aria-labelledby": "agreement-title" },
      element("h3", { id: "agreement-title" }, "Before you upload"),
      ...boxes,
      element("div", { class: "row" }, element("button", { class: "btn btn--primary" }, "I agree"), button("Not now", "btn--quiet", () => this.again())),
    );
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      try {
        await api("/api/v1/upload-agreement/", {
          method: "POST",
          body: { version: text.version, statements: text.statements.map((statement) => statement.code) },
        });
        this.send(file);
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        this.problem(error);
      }
    });
    this.status.replaceChildren(form);
    form.querySelector("input").focus();
  }

  // --- What is there already ----------------------------------------------------------------------

  async fillShelves() {
    const address = `/api/v1/workspaces/${this.workspace}/uploads/?ready=1`;
    const { results } = await api(address).catch(() => ({ results: [] }));
    const mine = results.filter((upload) => this.kinds.includes(upload.kind)).map(ofUpload);
    if (mine.length) {
      const list = element("ul", { class: "picker__list" });
      this.fill(list, mine);
      this.shelves.prepend(element("section", { class: "stack stack--s" }, element("h3", {}, "Your uploads"), list));
    }
  }

  fill(list, items) {
    for (const item of items) {
      const choice = element(
        "button",
        { type: "button", class: "picker__item" },
        element("img", { src: item.poster_url, alt: "", loading: "lazy" }),
        element("span", {}, item.name + length(item.seconds)),
      );
      choice.addEventListener("click", () => this.choose(item));
      list.append(element("li", {}, choice));
    }
  }

  /** The clips of the library, the newest first: by words, and page after page. */
  async addClips() {
    const address = `/api/v1/workspaces/${this.workspace}/library/`;
    const list = element("ul", { class: "picker__list" });
    const words = element("input", { type: "search", "aria-label": "Search your clips", placeholder: "Words of a prompt", maxlength: "200", autocomplete: "off" });
    const said = element("p", { class: "muted", role: "status" });
    const more = button("More clips", "btn--quiet btn--sm", () => show(more.dataset.cursor));
    let asked = 0;
    const show = async (cursor = "") => {
      const number = (asked += 1);
      const query = new URLSearchParams({ q: words.value.trim(), cursor });
      const found = await api(`${address}?${query}`).catch(() => ({ results: [] }));
      if (number !== asked) return found.results.length; // other words were typed meanwhile
      if (!cursor) list.replaceChildren();
      this.fill(list, found.results.map(ofClip));
      said.textContent = list.children.length ? "" : "No clip of yours has these words.";
      more.dataset.cursor = found.next_cursor || "";
      more.hidden = !found.next_cursor;
      return found.results.length;
    };
    if (!(await show())) return; // nothing to look through
    let timer = 0;
    words.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(show, 250);
    });
    const head = element("div", { class: "row row--between" }, element("h3", {}, "Your clips"), element("span", { class: "search" }, icon("search"), words));
    this.shelves.append(element("section", { class: "stack stack--s" }, head, said, list, element("div", {}, more)));
  }
}
