// Asking for a clip: what it costs before, one job for each click, and refusals shown at their field.
import { api, ApiError } from "./api.js";
import { about, freshKey, showBalance } from "./ui.js";

const QUOTE_AFTER_MS = 350;

export class Order {
  /**
   * @param root holds [data-quote], [data-problem] and [data-generate]; fields carry data-param
   * @param values ({final}) => body of the request; unless `final`, null while there is nothing to price
   * @param fieldOf (param) => the element to mark, where data-param doesn't tell
   */
  constructor(root, { workspace, values, fieldOf = () => null, key = freshKey() }) {
    this.root = root;
    this.workspace = workspace;
    this.values = values;
    this.fieldOf = fieldOf;
    this.key = key;
    this.button = root.querySelector("[data-generate]");
    this.box = root.querySelector("[data-problem]");
    this.notes = root.querySelector("[data-warnings]");
  }

  /** Something was typed or chosen: another request needs another key. */
  changed() {
    this.key = freshKey();
    this.asking?.abort(); // an answer to what was typed before would be about something else
    this.clearProblem();
    this.quoteSoon();
  }

  // --- Cost, wait and balance -------------------------------------------------------------------

  quoteSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.quote(), QUOTE_AFTER_MS);
  }

  async quote() {
    const body = this.values({ final: false });
    this.asking?.abort();
    if (!body) return this.showQuote(null);
    this.asking = new AbortController();
    try {
      const answer = await api(`/api/v1/workspaces/${this.workspace}/estimates/`, {
        method: "POST",
        body,
        signal: this.asking.signal,
      });
      this.showQuote(answer);
      if (this.early) this.clearProblem();
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!(error instanceof ApiError)) throw error;
      this.showQuote(null);
      if (error.status === 400 || error.status === 402) this.showProblem(error, { early: true });
    }
  }

  showQuote(answer) {
    const place = this.root.querySelector("[data-quote]");
    if (!place) return;
    const part = (name, value) => {
      const found = place.querySelector(`[data-quote-part="${name}"]`);
      if (!found) return;
      found.hidden = !value;
      if (value) found.querySelector("b").textContent = value;
    };
    part("cost", answer && `${answer.cost_credits} ${answer.cost_credits === 1 ? "credit" : "credits"}`);
    part("wait", answer && about(answer.eta_seconds));
    if (answer) {
      part("left", `${answer.balance.available} left`);
      place.dataset.short = answer.balance.available < answer.cost_credits;
      showBalance(answer.balance.available);
    }
    if (this.notes) {
      this.notes.textContent = (answer?.warnings || []).join(" ");
      this.notes.hidden = !answer?.warnings?.length;
    }
  }

  // --- Sending ----------------------------------------------------------------------------------

  /** The job; null when it was refused, which is then shown. The same key never makes a second one. */
  async send() {
    if (this.sending) return null;
    this.sending = true;
    this.button?.setAttribute("aria-busy", "true");
    this.clearProblem();
    try {
      const job = await api(`/api/v1/workspaces/${this.workspace}/generations/`, {
        method: "POST",
        body: this.values({ final: true }),
        headers: { "Idempotency-Key": this.key },
      });
      this.key = freshKey();
      this.quoteSoon();
      return job;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.showProblem(error);
      return null;
    } finally {
      this.sending = false;
      this.button?.removeAttribute("aria-busy");
    }
  }

  // --- Problems: the field, the reason, the way out. What was typed stays. ------------------------

  clearProblem() {
    this.early = false;
    if (this.box) this.box.hidden = true;
    for (const made of this.root.querySelectorAll("[data-field-error]")) made.remove();
    for (const field of this.root.querySelectorAll("[aria-invalid]")) {
      field.removeAttribute("aria-invalid");
      if (field.getAttribute("aria-describedby") === "field-error") field.removeAttribute("aria-describedby");
    }
  }

  /** `early`: it came with the price, nobody pressed the button yet; the focus stays where it is. */
  showProblem(error, { early = false } = {}) {
    this.clearProblem();
    this.early = early;
    const field = this.find(error.param);
    const remedy = error.remedy || (error.retryAfter ? `Try again in ${error.retryAfter} seconds.` : "");
    if (field) this.mark(field, [error.message, remedy].filter(Boolean).join(" "));
    if (this.box) {
      this.box.querySelector("[data-message]").textContent = error.message;
      this.box.querySelector("[data-remedy]").textContent = remedy;
      const rules = this.box.querySelector("[data-rules]");
      if (rules) rules.hidden = error.code !== "prompt_refused";
      this.box.hidden = Boolean(field?.closest(".field"));
    }
    if (!early) field?.focus?.();
  }

  /** The field of "edit.cards[2].at": the one that says so, else that of "edit.cards[2]", … */
  find(param) {
    if (!param) return null;
    const own = this.fieldOf(param);
    if (own) return own;
    const wanted = ["width", "height"].includes(param) ? "size" : param;
    for (let name = wanted; name; name = name.replace(/(\.[^.[]*|\[\d+\]|^[^.[]*)$/, "")) {
      const found = this.root.querySelector(`[data-param~="${CSS.escape(name)}"]`);
      if (found) return found;
    }
    const named = this.root.querySelector(`[name="${CSS.escape(wanted)}"]`);
    return named;
  }

  mark(field, text) {
    field.setAttribute("aria-invalid", "true");
    const fold = field.closest("details");
    if (fold && !fold.matches("[data-menu]")) fold.open = true;
    const place = field.closest(".field");
    if (!place) return;
    const note = document.createElement("p");
    note.className = "field__error";
    note.id = "field-error";
    note.dataset.fieldError = "";
    note.setAttribute("role", "alert");
    note.textContent = text;
    place.append(note);
    if (!field.hasAttribute("aria-describedby")) field.setAttribute("aria-describedby", note.id);
  }
}
