"use strict";
// Sorts and filters tables, shows the first rows of long ones, and opens what a link leads into.
(() => {
  const FIRST = 24; // rows of a long table that are shown at first, also on paper, as page.css has it
  const count = (number) => number.toLocaleString("en");

  const made = (tag, properties, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  // The value of a cell by which rows are sorted: a number, or its text in lower case; null if it is undefined.
  const keyOf = (cell, numeric) => {
    if (cell === undefined) return null;
    if (cell.dataset.value !== undefined) return cell.dataset.value === "" ? null : Number(cell.dataset.value);
    return numeric ? null : cell.textContent.trim().toLowerCase();
  };
  const words = new Intl.Collator("en", { numeric: true });
  const compared = (a, b) => {
    if (typeof a === "number" && typeof b === "number") return a - b;
    if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
    return words.compare(a, b);
  };

  const tables = new Map();

  class Rows {
    constructor(box) {
      this.box = box;
      this.body = box.querySelector("tbody");
      this.rows = [...this.body.rows];
      this.long = this.rows.length > FIRST;
      this.all = !this.long;
      this.query = "";
      this.marked = false;
      this.texts = new Map();
      const interactive = "interactive" in box.dataset && this.rows.length > 1;
      if (!interactive && !this.long) return;
      tables.set(this.body, this);
      this.addTools(interactive);
      if (interactive) this.addButtons();
      this.show();
    }

    addTools(interactive) {
      const tools = made("div", { className: "tools" });
      if (interactive && this.rows.length > 5) {
        const input = made("input", { type: "search", autocomplete: "off" });
        input.addEventListener("input", () => { this.query = input.value.trim().toLowerCase(); this.show(); });
        tools.append(made("label", {}, "Filter rows", input));
      }
      const marked = this.rows.filter((row) => row.dataset.tone).length;
      if (interactive && marked > 0 && marked < this.rows.length) {
        const box = made("input", { type: "checkbox" });
        box.addEventListener("change", () => { this.marked = box.checked; this.show(); });
        tools.append(made("label", {}, box, "Only rows with findings"));
      }
      this.status = made("p", { className: "status" });
      this.status.setAttribute("role", "status");
      this.button = made("button", { type: "button", className: "show-all", hidden: true });
      this.button.addEventListener("click", () => { this.all = true; this.show(); this.box.querySelector(".scroll").focus(); });
      const scroll = this.box.querySelector(".scroll");
      scroll.before(tools, this.status);
      scroll.after(this.button);
    }

    addButtons() {
      this.box.querySelectorAll("thead th").forEach((head, column) => {
        const button = made("button", { type: "button" });
        button.append(...head.childNodes);
        head.append(button);
        button.addEventListener("click", () => this.sort(head, column));
      });
    }

    sort(head, column) {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of this.box.querySelectorAll("thead th")) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const numeric = head.classList.contains("number");
      const keys = new Map(this.rows.map((row) => [row, keyOf(row.cells[column], numeric)]));
      this.rows.sort((one, other) => {
        const [a, b] = [keys.get(one), keys.get(other)];
        if (a === null || b === null) return (a === null) - (b === null); // undefined values stay at the end
        return down ? compared(b, a) : compared(a, b);
      });
      this.body.append(...this.rows);
      this.show();
    }

    fits(row) {
      if (this.marked && !row.dataset.tone) return false;
      if (this.query === "") return true;
      if (!this.texts.has(row)) this.texts.set(row, row.textContent.toLowerCase());
      return this.texts.get(row).includes(this.query);
    }

    show() {
      let found = 0;
      let seen = 0;
      for (const row of this.rows) {
        const fits = this.fits(row);
        found += fits;
        const hidden = !fits || (!this.all && found > FIRST);
        seen += !hidden;
        if (row.hidden !== hidden) row.hidden = hidden;
      }
      this.button.hidden = seen === found;
      this.button.textContent = `Show all ${count(found)} rows`;
      this.status.textContent = seen === this.rows.length ? `${count(seen)} rows` : `${count(seen)} of ${count(this.rows.length)} rows are shown`;
    }
  }

  // Whatever a link leads to is made visible: a folded part is opened, a row that is not shown is.
  const reveal = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let part = target.parentElement; part; part = part.parentElement) if (part.localName === "details") part.open = true;
    const table = tables.get(target.parentElement);
    if (table && target.hidden) {
      table.all = true;
      table.query = "";
      table.marked = false;
      for (const input of table.box.querySelectorAll(".tools input")) { input.value = ""; input.checked = false; }
      table.show();
    }
    target.scrollIntoView();
  };

  for (const box of document.querySelectorAll(".table")) {
    new Rows(box);
    box.classList.add("ready");
  }
  addEventListener("hashchange", reveal);
  reveal();

  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const part of opened) part.open = true;
  });
  addEventListener("afterprint", () => { for (const part of opened) part.open = false; });
})();
