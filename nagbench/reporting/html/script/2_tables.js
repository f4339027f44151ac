// ---- tables: sort, filter, save ---------------------------------------------------------------------------------
const valueOf = (cell) => {
  const given = cell.dataset.v;
  const shown = given === undefined ? cell.textContent.trim() : given;
  const text = /^[\d,]+$/.test(shown) ? shown.replaceAll(",", "") : shown;
  const number = text === "inf" ? Infinity : text === "" || text === "nan" ? NaN : Number(text);
  return { text, number };
};

class SortedTable {
  constructor(figure) {
    this.figure = figure;
    this.table = one("table", figure);
    this.heads = [...this.table.tHead.rows[0].cells];
    this.rows = [...this.table.tBodies[0].rows];
    this.texts = this.rows.map((row) => row.textContent.toLowerCase());
    this.heads.forEach((head, column) => this.addSort(head, column));
    const tools = toolsOf(figure);
    if (this.rows.length > 5) {
      this.input = make("input", { type: "search", placeholder: "filter rows", "aria-label": `Filter: ${one(".scroll", figure).getAttribute("aria-label")}` });
      this.count = make("output", { class: "count" });
      this.input.addEventListener("input", () => { this.filter(this.input.value); remember(); });
      tools.append(this.input, this.count);
    }
    tools.append(button("CSV", `Save as CSV: ${figure.id}`, () => saveText(`${figure.id}.csv`, "text/csv", this.csv())));
  }

  addSort(head, column) {
    const press = make("button", { type: "button", class: "sort" });
    press.append(...head.childNodes);
    head.append(press);
    press.addEventListener("click", () => {
      this.sort(column, head.getAttribute("aria-sort") === "ascending");
      remember();
    });
  }

  sort(column, down) {
    if (!this.heads[column]) return;
    this.details?.close();
    this.heads.forEach((head) => head.removeAttribute("aria-sort"));
    this.heads[column].setAttribute("aria-sort", down ? "descending" : "ascending");
    chosen.sort[this.figure.id] = `${column}${down ? "-" : ""}`;
    const rows = this.rows.map((row) => ({ row, ...valueOf(row.cells[column]) }));
    const known = rows.filter(({ text }) => text && text !== "·" && text !== "nan");
    const numeric = known.every(({ number }) => !Number.isNaN(number));
    const sign = down ? -1 : 1;
    rows.sort((a, b) => {
      if (!numeric) return sign * a.text.localeCompare(b.text, "en", { numeric: true });
      if (Number.isNaN(a.number) || Number.isNaN(b.number)) return Number.isNaN(a.number) - Number.isNaN(b.number);
      return a.number === b.number ? 0 : a.number < b.number ? -sign : sign;
    });
    this.table.tBodies[0].append(...rows.map(({ row }) => row));
  }

  filter(words) {
    if (!this.input) return;
    this.details?.close();
    this.input.value = words;
    if (words) chosen.find[this.figure.id] = words;
    else delete chosen.find[this.figure.id];
    const wanted = words.toLowerCase().split(/\s+/);
    let left = 0;
    this.rows.forEach((row, place) => {
      const out = !wanted.every((word) => this.texts[place].includes(word));
      row.classList.toggle("off-f", out);
      left += !out;
    });
    this.count.textContent = words ? `${left} of ${this.rows.length} rows` : "";
  }

  // What is shown: rows that no switch and no filter hides, columns of methods that are shown.
  csv() {
    const data = dataOf(this.figure);
    const shown = this.rows.filter((row) => !isHidden(row));
    if (!data) {
      const columns = this.heads.map((head, place) => place).filter((place) => !isHidden(this.heads[place]));
      return csv(
        columns.map((place) => this.heads[place].textContent.trim()),
        shown.map((row) => columns.map((place) => valueOf(row.cells[place]).text)),
      );
    }
    const rows = (data.values[0] || []).map((_, row) => data.values.map((values) => values[row]));
    if (rows.length === this.rows.length) return csv(data.columns, rows.filter((_, place) => !isHidden(this.rows[place])));
    return csv(data.columns, rows.filter((row) => this.isShown(Object.fromEntries(data.columns.map((name, place) => [name, row[place]])), shown)));
  }

  // A row of data that is not one of the table's is shown if its task and mode have a row, and its method a column or a row.
  isShown(record, shown) {
    const method = record.method === undefined ? null : methodNumbers.get(String(record.method));
    if (method && hidden.m.has(method)) return false;
    const names = ["task", "problem"].map((name) => record[name]).filter((name) => name !== undefined).map(String);
    const number = names.map((name) => problemNumbers.get(name)).find((found) => found !== undefined);
    if (number === undefined || !this.rows.some((row) => row.dataset.p === number)) return !names.length || number === undefined || !hidden.p.has(number);
    return shown.some((row) => row.dataset.p === number && (record.mode === undefined || !one(".mode", row) || one(".mode", row).textContent === record.mode));
  }
}
