// Keeps a draft while somebody works on it: saves soon after each change, asks when another window did.
import { api, ApiError } from "./api.js";

const SAVE_AFTER_MS = 700;
const TRY_AGAIN_MS = 5000;

export class DraftKeeper {
  /**
   * @param page holds [data-saved] and [data-conflict] with its two buttons
   * @param draft {id, version} of what is open; without an id it is made with the first save
   * @param content () => {title, plan}  @param onProblem (error) => shows a refusal
   */
  constructor(page, { workspace, draft, content, onProblem }) {
    Object.assign(this, { workspace, draft, content, onProblem });
    this.said = page.querySelector("[data-saved]");
    this.conflict = page.querySelector("[data-conflict]");
    this.dirty = false;
    this.saving = null;
    page.querySelector("[data-take-theirs]").addEventListener("click", () => location.reload());
    page.querySelector("[data-keep-mine]").addEventListener("click", () => {
      this.conflict.hidden = true;
      this.draft.id = null;
      this.dirty = true;
      this.save();
    });
    document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && this.save({ keepalive: true }));
    addEventListener("beforeunload", (event) => this.dirty && event.preventDefault());
  }

  soon() {
    this.dirty = true;
    this.said.textContent = "Not saved yet";
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), SAVE_AFTER_MS);
  }

  async save({ keepalive = false } = {}) {
    if (this.saving || !this.dirty || !this.conflict.hidden) return;
    this.dirty = false;
    this.said.textContent = "Saving…";
    const { draft } = this;
    const body = this.content();
    const first = !draft.id;
    try {
      this.saving = first
        ? api(`/api/v1/workspaces/${this.workspace}/drafts/`, { method: "POST", body, keepalive })
        : api(`/api/v1/drafts/${draft.id}/`, { method: "PUT", body: { ...body, version: draft.version }, keepalive });
      const answer = await this.saving;
      draft.id = answer.id;
      draft.version = answer.version;
      if (first) history.replaceState(null, "", answer.page_url);
      this.said.textContent = this.dirty ? "Not saved yet" : "Saved";
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.dirty = true;
      this.said.textContent = "Not saved";
      if (error.code === "draft_changed") this.conflict.hidden = false;
      else if (error.status === 0 || error.status >= 500) setTimeout(() => this.save(), TRY_AGAIN_MS);
      else this.onProblem(error);
    } finally {
      this.saving = null;
    }
    if (this.dirty && this.conflict.hidden && this.said.textContent !== "Not saved") this.soon();
  }
}
