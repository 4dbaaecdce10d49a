// A state with its history: what was typed on goes into one step, undo and redo walk along them.
const SAME_EDIT_MS = 900; // typing within this time is one step of the history

export class Edits {
  constructor(state, onChange) {
    Object.assign(this, { state, onChange });
    this.past = [];
    this.future = [];
    this.lastEdit = { what: "", when: 0 };
  }

  /** Change the state as one step of the history. `what` names an edit that goes on, as typing does. */
  change(edit, what = "") {
    const now = Date.now();
    const goesOn = what && what === this.lastEdit.what && now - this.lastEdit.when < SAME_EDIT_MS;
    const before = JSON.stringify(this.state);
    edit(this.state);
    if (JSON.stringify(this.state) === before) return;
    if (!goesOn) this.past.push(before);
    if (this.past.length > 200) this.past.shift();
    this.future = [];
    this.lastEdit = { what, when: now };
    this.onChange();
  }

  undo() {
    return this.travel(this.past, this.future);
  }

  redo() {
    return this.travel(this.future, this.past);
  }

  travel(from, to) {
    if (!from.length) return false;
    to.push(JSON.stringify(this.state));
    this.state = JSON.parse(from.pop());
    this.lastEdit = { what: "", when: 0 };
    this.onChange();
    return true;
  }
}
