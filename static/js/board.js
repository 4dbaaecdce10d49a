// The content of a storyboard with its history. Knows no page: cards, times, snapping, undo.
import { Edits } from "./edits.js";

const CLOSE = 0.5; // seconds; nearer text cards give hard cuts

let numbers = 0;

export class Board extends Edits {
  constructor(plan, { seconds, longest, fps, most, onChange }) {
    super(null, onChange);
    Object.assign(this, { longest, fps, most });
    this.state = { seconds: Math.min(longest, plan.seconds || seconds), settings: plan.settings || {}, cards: [] };
    for (const card of plan.cards || []) this.state.cards.push({ ...card, id: (numbers += 1) });
  }

  get cards() {
    return this.state.cards;
  }

  get seconds() {
    return this.state.seconds;
  }

  card(id) {
    return this.cards.find((card) => card.id === id);
  }

  /** As a draft keeps it: without what only this page needs. */
  toPlan() {
    const cards = this.cards.map((card) => Object.fromEntries(Object.entries(card).filter(([name]) => name !== "id")));
    return { schema: 1, kind: "storyboard", seconds: this.seconds, settings: this.state.settings, cards };
  }

  // --- Changes ------------------------------------------------------------------------------------

  /** The new card's id, null when the board is full. */
  add(card, at) {
    if (this.cards.length >= this.most) return null;
    const made = { at: 0, ...card, id: (numbers += 1) };
    made.at = this.within(made, at ?? made.at);
    this.change((state) => state.cards.push(made));
    return made.id;
  }

  duplicate(id) {
    const { id: old, ...card } = this.card(id);
    return this.add(card, Math.min(card.at + Math.max(this.length(card), 1), this.seconds));
  }

  remove(id) {
    this.change((state) => {
      state.cards = state.cards.filter((card) => card.id !== id);
    });
  }

  set(id, values, what = "") {
    this.change((state) => Object.assign(state.cards.find((card) => card.id === id), values), what && `${what} ${id}`);
  }

  move(id, at, { snap = 0, what = "move" } = {}) {
    const card = this.card(id);
    this.set(id, { at: this.within(card, snap ? Math.round(at / snap) * snap : at) }, what);
  }

  setSeconds(seconds) {
    this.change((state) => {
      state.seconds = Math.min(this.longest, Math.max(1, seconds));
      for (const card of state.cards) card.at = this.within(card, card.at);
    }, "seconds");
  }

  // --- Times --------------------------------------------------------------------------------------

  length(card) {
    return card.type === "clip" ? Math.max(0, (card.end ?? 0) - (card.start ?? 0)) : 0;
  }

  within(card, at) {
    const last = card.type === "clip" ? this.seconds - this.length(card) : this.seconds - 1 / this.fps;
    return Number(Math.max(0, Math.min(at, Math.max(0, last))).toFixed(4));
  }

  /** Cards of a type by time; index here is the index that an error of the API names. */
  ofType(type) {
    return this.cards.filter((card) => card.type === type).sort((a, b) => a.at - b.at);
  }

  /** How long a text card counts: until the next one. */
  textLength(card) {
    const later = this.ofType("text").find((other) => other.at > card.at);
    return (later ? later.at : this.seconds) - card.at;
  }

  /** What to say about the spacing of text cards, "" when it is fine. */
  hint() {
    const texts = this.ofType("text");
    const near = texts.some((card, index) => index && card.at - texts[index - 1].at < CLOSE - 1e-6);
    if (near) return `Text cards closer than ${CLOSE} s give hard cuts. Move them apart for a smooth change.`;
    const far = texts.length > 1 && texts.some((card) => this.textLength(card) > 8);
    return far ? "With more than 8 s between two cards the model invents what happens there." : "";
  }
}
