// Pictures and clips beside a prompt: chosen with the picker, shown as small cards, sent as a tool's form.
import { element, icon, iconButton } from "./dom.js";
import { openUploadPicker } from "./upload.js";
import { toast } from "./ui.js";

const MOST = 8;

export class Attachments {
  /**
   * @param button the attach button  @param list where the small cards go
   * @param tools {tool: {able, reason}} of the loaded engine
   */
  constructor(button, list, { workspace, tools, items = [], onChange }) {
    Object.assign(this, { button, list, workspace, tools, onChange });
    this.items = items;
    this.how = "remix";
    button.addEventListener("click", () => this.add());
    const reason = this.closed();
    if (reason) {
      button.setAttribute("aria-disabled", "true");
      button.title = reason;
    }
    this.draw();
  }

  closed() {
    const able = ["image", "remix", "extend"].some((tool) => this.tools[tool].able);
    return able ? "" : `${this.tools.image.reason} ${this.tools.remix.reason}`;
  }

  kinds() {
    if (this.items.length) return this.items[0].kind === "image" ? ["image"] : [];
    return [
      this.tools.image.able && "image",
      (this.tools.remix.able || this.tools.extend.able) && "video",
    ].filter(Boolean);
  }

  async add() {
    const reason = this.closed() || this.full();
    if (reason) return toast(reason, { bad: true });
    const chosen = await openUploadPicker({ workspace: this.workspace, kinds: this.kinds() });
    this.button.focus();
    if (!chosen) return;
    this.items.push(chosen);
    this.changed();
  }

  full() {
    const [first] = this.items;
    if (!first) return "";
    if (first.kind === "video") return "One clip at a time. The storyboard takes several.";
    if (!this.tools.keyframes.able) return `One picture: ${this.tools.keyframes.reason}`;
    return this.items.length >= MOST ? `At most ${MOST} pictures.` : "";
  }

  clear() {
    this.items = [];
    this.changed();
  }

  changed() {
    this.draw();
    this.onChange();
  }

  /** {tool, edit} for a clip of `seconds`, or {} without attachments. */
  form(seconds) {
    const [first] = this.items;
    if (!first) return {};
    if (first.kind === "video") {
      if (this.how === "extend") return { tool: "extend", edit: { clip: first.ref, after: seconds } };
      return { tool: "remix", edit: { clip: first.ref, strength: this.how === "remix" ? "mild" : this.how } };
    }
    if (this.items.length === 1) return { tool: "image", edit: { image: first.ref } };
    const step = seconds / (this.items.length - 1);
    return {
      tool: "keyframes",
      edit: { pictures: this.items.map((item, index) => ({ media: item.ref, at: index * step })) },
    };
  }

  draw() {
    this.list.hidden = this.items.length === 0;
    this.list.replaceChildren(...this.items.map((item, index) => this.card(item, index)));
    if (this.items[0]?.kind === "video") this.list.append(this.choice());
  }

  card(item, index) {
    const last = this.items.length - 1;
    const role = item.kind === "video" ? "Clip" : index === 0 ? "First frame" : index === last ? "Last frame" : "In between";
    return element(
      "li",
      { class: "attached" },
      item.poster_url ? element("img", { src: item.poster_url, alt: "" }) : icon("film"),
      element("span", {}, element("b", {}, role), element("small", {}, item.name)),
      iconButton("close", `Remove ${item.name}`, () => {
        this.items.splice(index, 1);
        this.changed();
        this.button.focus();
      }),
    );
  }

  choice() {
    const select = element("select", { class: "chip__select", "aria-label": "What to do with the clip" });
    const rows = [
      ["subtle", "Remix, subtle", "remix"],
      ["remix", "Remix", "remix"],
      ["strong", "Remix, strong", "remix"],
      ["extend", "Go on from it", "extend"],
    ];
    for (const [value, title, tool] of rows) {
      const able = this.tools[tool].able;
      const text = able ? title : `${title}: ${this.tools[tool].reason}`;
      select.append(element("option", { value, disabled: !able, selected: value === this.how }, text));
    }
    if (!this.tools[this.how === "extend" ? "extend" : "remix"].able) {
      this.how = this.tools.remix.able ? "remix" : "extend";
      select.value = this.how;
    }
    select.addEventListener("change", () => {
      this.how = select.value;
      this.onChange();
    });
    return element("li", { class: "chip" }, select);
  }
}
