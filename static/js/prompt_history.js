// Earlier prompts: a dialog to look through them. Resolves to the chosen row, null when it was closed.
import { api } from "./api.js";
import { element, icon, iconButton } from "./dom.js";

const ASK_AFTER_MS = 250;

export function openPromptHistory(workspace) {
  return new Promise((resolve) => new History(workspace, resolve).open());
}

class History {
  constructor(workspace, resolve) {
    this.workspace = workspace;
    this.resolve = resolve;
    this.chosen = null;
    this.field = element("input", { type: "search", id: "history-words", placeholder: "Words of a prompt", maxlength: "200", autocomplete: "off" });
    this.list = element("ul", { class: "history", "aria-label": "Earlier prompts" });
    this.said = element("p", { class: "muted", role: "status" });
    const close = iconButton("close", "Close", () => this.dialog.close());
    this.dialog = element(
      "dialog",
      { class: "dialog", "aria-labelledby": "history-title" },
      element("header", { class: "row row--between" }, element("h2", { id: "history-title" }, "Earlier prompts"), close),
      element("span", { class: "search search--wide" }, element("label", { class: "visually-hidden", for: "history-words" }, "Search earlier prompts"), icon("search"), this.field),
      this.said,
      this.list,
    );
  }

  open() {
    document.body.append(this.dialog);
    this.dialog.addEventListener("close", () => {
      this.asking?.abort();
      this.dialog.remove();
      this.resolve(this.chosen);
    });
    this.field.addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.ask(), ASK_AFTER_MS);
    });
    this.dialog.showModal();
    this.ask();
  }

  async ask() {
    this.asking?.abort();
    this.asking = new AbortController();
    const words = this.field.value.trim();
    try {
      const { prompts } = await api(`/api/v1/workspaces/${this.workspace}/prompts/?q=${encodeURIComponent(words)}`, { signal: this.asking.signal });
      this.said.textContent = prompts.length ? "" : words ? "No earlier prompt has these words." : "What you ask for is kept here.";
      this.list.replaceChildren(...prompts.map((row) => this.row(row)));
    } catch (error) {
      if (error.name === "AbortError") return;
      this.said.textContent = `${error.message} ${error.remedy || ""}`.trim();
    }
  }

  row(found) {
    const button = element(
      "button",
      { type: "button", class: "history__row" },
      element("span", {}, found.prompt),
      element("small", { class: "muted num" }, `${found.width}×${found.height} · ${found.seconds} s · seed ${found.seed}`),
    );
    button.addEventListener("click", () => {
      this.chosen = found;
      this.dialog.close();
    });
    return element("li", {}, button);
  }
}
