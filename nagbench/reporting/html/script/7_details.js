// ---- one run: all that is known of it, below its row of the table of cells ---------------------------------------
// Numbers keep all their digits: what is read here is copied into other programs.
const digits = (value) => (typeof value === "number" ? tidySigns(String(value)) : String(value));

class Details {
  constructor(table) {
    this.table = table;
    this.data = dataOf(table.figure);
    // By place, not by key: one cell may stand in several modes.
    this.places = new Map(table.rows.map((row, place) => [row, place]));
    table.rows.forEach((row) => this.offer(row));
  }

  // The key of a row becomes a button.
  offer(row) {
    const code = one("code", row.lastElementChild);
    const press = button("", `Details of run ${code.textContent}`, () => (this.opened(row) ? this.close() : this.open(row)));
    press.className = "sort";
    press.setAttribute("aria-expanded", "false");
    code.replaceWith(press);
    press.append(code);
  }

  opened(row) {
    return row.nextElementSibling?.classList.contains("details");
  }

  open(row) {
    this.close();
    const cell = make("td", { colspan: row.cells.length });
    const key = one("code", row.lastElementChild).textContent;
    const inner = make("div");
    inner.append(this.command(key), this.facts(row), this.links(key));
    cell.append(inner);
    const below = make("tr", { class: "details" });
    // What hides the row hides its details.
    Object.assign(below.dataset, row.dataset);
    below.append(cell);
    row.after(below);
    one("button", row.lastElementChild).setAttribute("aria-expanded", "true");
  }

  close() {
    const below = one("tr.details", this.table.table);
    if (!below) return;
    one("button", below.previousElementSibling.lastElementChild).setAttribute("aria-expanded", "false");
    below.remove();
  }

  command(key) {
    const line = make("p", {}, "Count it again, in the results directory: ");
    const text = `nagbench replay ${key} --in .`;
    line.append(make("code", {}, text), " ", button("Copy", `Copy the command: ${text}`, async (event) => {
      const press = event.currentTarget;
      try {
        await navigator.clipboard.writeText(text);
        say(press, "Copied");
      } catch {
        say(press, "Not allowed here");
      }
    }));
    return line;
  }

  facts(row) {
    const list = make("dl", { class: "facts" });
    if (!this.data) return list;
    const place = this.places.get(row);
    this.data.columns.forEach((name, column) => {
      const value = this.data.values[column][place];
      if (value === null || value === "") return;
      const fact = make("div");
      fact.append(make("dt", {}, name), make("dd", {}, digits(value)));
      list.append(fact);
    });
    return list;
  }

  // The figures in which this run is drawn.
  links(key) {
    const line = make("p");
    const drawn = all(".picture").filter((picture) => picture.dataset.cell === key || plots.get(picture)?.data.series.some(({ cell }) => cell === key));
    drawn.forEach((picture, place) => {
      const figure = picture.closest("figure");
      line.append(place ? ", " : "Drawn in ", make("a", { href: `#${picture.id}` }, one("figcaption .permalink", figure).textContent.replace(".", "")));
    });
    return line;
  }
}
