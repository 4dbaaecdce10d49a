// The workspace's own styles: a dialog to write one down and to throw one away.
// Resolves when it is closed to {own: [{id, name, text}], made: id or null}.
import { api, ApiError } from "./api.js";
import { element, icon, iconButton } from "./dom.js";

export function openStyles(workspace) {
  return new Promise((resolve) => new Styles(workspace, resolve).open());
}

class Styles {
  constructor(workspace, resolve) {
    this.address = `/api/v1/workspaces/${workspace}/presets/`;
    this.resolve = resolve;
    this.own = [];
    this.made = null;
    this.list = element("ul", { class: "history", "aria-label": "Your styles" });
    this.said = element("p", { class: "muted", role: "status" });
    this.name = element("input", { name: "name", required: true, maxlength: "40", autocomplete: "off", id: "style-name", placeholder: "Crayon" });
    this.text = element("input", { name: "text", required: true, maxlength: "300", autocomplete: "off", id: "style-text", placeholder: "in crayon on rough paper" });
    this.problem = element("p", { class: "field__error", role: "alert", hidden: true });
    this.form = element(
      "form",
      { class: "stack stack--s" },
      element("div", { class: "field" }, element("label", { class: "field__label", for: "style-name" }, "Name"), this.name),
      element("div", { class: "field" }, element("label", { class: "field__label", for: "style-text" }, "Words that follow the prompt"), this.text),
      this.problem,
      element("div", {}, element("button", { class: "btn btn--primary" }, "Keep this style")),
    );
    this.dialog = element(
      "dialog",
      { class: "dialog", "aria-labelledby": "styles-title" },
      element("header", { class: "row row--between" }, element("h2", { id: "styles-title" }, "Your styles"), iconButton("close", "Close", () => this.dialog.close())),
      this.said,
      this.list,
      this.form,
    );
  }

  async open() {
    document.body.append(this.dialog);
    this.dialog.addEventListener("close", () => {
      this.dialog.remove();
      this.resolve({ own: this.own, made: this.made });
    });
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.keep();
    });
    this.dialog.showModal();
    await this.tried(async () => {
      this.own = (await api(this.address)).own;
      this.draw();
    });
    this.name.focus();
  }

  draw() {
    this.said.textContent = this.own.length ? "" : "A style is a few words that are put behind your prompt.";
    this.list.replaceChildren(...this.own.map((style) => this.row(style)));
  }

  row(style) {
    const remove = iconButton("trash", `Delete ${style.name}`, () =>
      this.tried(async () => {
        await api(`/api/v1/presets/${style.id}/`, { method: "DELETE" });
        this.own = this.own.filter(({ id }) => id !== style.id);
        if (this.made === style.id) this.made = null;
        this.draw();
        this.name.focus();
      }),
    );
    return element("li", { class: "row row--between" }, element("span", {}, element("b", {}, style.name), " ", element("small", { class: "muted" }, style.text)), remove);
  }

  async keep() {
    await this.tried(async () => {
      const style = await api(this.address, { method: "POST", body: { name: this.name.value.trim(), text: this.text.value.trim() } });
      this.own = [...this.own, style];
      this.made = style.id;
      this.dialog.close();
    });
  }

  /** What is refused is said above the button; what was typed stays. */
  async tried(work) {
    this.problem.hidden = true;
    try {
      await work();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.problem.replaceChildren(icon("alert"), ` ${[error.message, error.remedy].filter(Boolean).join(" ")}`);
      this.problem.hidden = false;
      (error.param === "text" ? this.text : this.name).focus();
    }
  }
}
