"use strict";
// Switches, sorts, filters, reads and saves what the page already holds. Nothing is fetched, and without it the page is complete.
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const one = (selector, root = document) => root.querySelector(selector);
  const make = (tag, attributes = {}, text = "") => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.textContent = text;
    return element;
  };
  const draw = (tag, attributes) => {
    const element = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  };
  const dataOf = (element) => {
    const script = one(":scope > script", element);
    return script && JSON.parse(script.textContent);
  };

  // ---- saving -------------------------------------------------------------------------------------------------
  const save = (name, kind, text) => {
    const link = make("a", { download: name, href: URL.createObjectURL(new Blob([text], { type: kind })) });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };
  const field = (value) => {
    const plain = value === null || value === undefined ? "" : String(value);
    // A spreadsheet would run a name that begins like a formula.
    const text = /^[=+\-@\t\r]/.test(plain) && Number.isNaN(Number(plain)) ? `'${plain}` : plain;
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const csv = (head, rows) => [head, ...rows].map((row) => row.map(field).join(",") + "\n").join("");
  const button = (text, label, act) => {
    const made = make("button", { type: "button", "aria-label": label }, text);
    made.addEventListener("click", act);
    return made;
  };
  const toolsOf = (figure) => {
    const tools = make("p", { class: "tools" });
    one("figcaption", figure).after(tools);
    return tools;
  };

  // ---- tables: sort, filter, save -----------------------------------------------------------------------------
  const valueOf = (cell) => {
    const given = cell.dataset.v;
    const shown = given === undefined ? cell.textContent.trim() : given;
    const text = /^[\d,]+$/.test(shown) ? shown.replaceAll(",", "") : shown;
    const number = text === "inf" ? Infinity : text === "" || text === "nan" ? NaN : Number(text);
    return { text, number };
  };
  const sortRows = (table, column, down) => {
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => ({ row, ...valueOf(row.cells[column]) }));
    const numeric = rows.every(({ text, number }) => !text || !Number.isNaN(number) || text === "·" || text === "nan");
    const sign = down ? -1 : 1;
    rows.sort((a, b) => {
      if (!numeric) return sign * a.text.localeCompare(b.text, "en", { numeric: true });
      if (Number.isNaN(a.number) || Number.isNaN(b.number)) return Number.isNaN(a.number) - Number.isNaN(b.number);
      return a.number === b.number ? 0 : a.number < b.number ? -sign : sign;
    });
    body.append(...rows.map(({ row }) => row));
  };
  const addTableTools = (figure) => {
    const table = one("table", figure);
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const press = make("button", { type: "button", class: "sort" });
      press.append(...head.childNodes);
      head.append(press);
      press.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        sortRows(table, column, down);
      });
    });
    const tools = toolsOf(figure);
    const rows = [...table.tBodies[0].rows];
    if (rows.length > 5) {
      const input = make("input", { type: "search", placeholder: "filter rows", "aria-label": `Filter: ${one(".scroll", figure).getAttribute("aria-label")}` });
      const count = make("output", { class: "count" });
      const texts = rows.map((row) => row.textContent.toLowerCase());
      input.addEventListener("input", () => {
        const words = input.value.toLowerCase().split(/\s+/);
        let left = 0;
        rows.forEach((row, place) => {
          const out = !words.every((word) => texts[place].includes(word));
          row.classList.toggle("off-f", out);
          left += !out;
        });
        count.textContent = input.value ? `${left} of ${rows.length} rows` : "";
      });
      tools.append(input, count);
    }
    tools.append(button("CSV", `Save as CSV: ${figure.id}`, () => {
      const data = dataOf(figure);
      const text = data
        ? csv(data.columns, (data.values[0] || []).map((_, row) => data.values.map((values) => values[row])))
        : csv(heads.map((head) => head.textContent.trim()), rows.map((row) => [...row.cells].map((cell) => valueOf(cell).text)));
      save(`${figure.id}.csv`, "text/csv", text);
    }));
  };

  // ---- axes of a plot: scales, ticks, projection --------------------------------------------------------------
  const transforms = { linear: (value) => value, log: Math.log10 };
  const scaleOf = ({ scale, limits }, from, to) => {
    const transform = transforms[scale];
    const low = transform(limits[0]);
    const factor = (to - from) / (transform(limits[1]) - low);
    return (value) => from + factor * (transform(value) - low);
  };
  const ticksOf = ({ scale, limits: [low, high] }) => {
    if (scale === "log") {
      const first = Math.ceil(Math.log10(low) - 1e-9);
      const last = Math.floor(Math.log10(high) + 1e-9);
      if (last > first) {
        const step = Math.ceil((last - first + 1) / 8);
        return Array.from({ length: last - first + 1 }, (_, k) => first + k).filter((k) => k % step === 0).map((k) => 10 ** k);
      }
    }
    const rough = (high - low) / 5;
    const size = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].find((part) => part * size >= rough) * size;
    const ticks = [];
    for (let k = Math.ceil(low / step); k * step <= high * (1 + 1e-12); k += 1) ticks.push(k * step);
    return ticks;
  };
  const tidySigns = (text) => text.replace("e+", "e").replace("-", "−");
  const formatShort = (value) => {
    if (value === 0) return "0";
    for (const [size, letter] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
      if (Math.abs(value) >= size && Math.abs(value) < 1e12) return `${+(value / size).toPrecision(4)}${letter}`;
    }
    return tidySigns(String(+value.toPrecision(4)));
  };
  const formatPower = (value) => {
    const exponent = Math.log10(value);
    if (Math.abs(exponent - Math.round(exponent)) > 1e-9) return formatShort(value);
    return "10" + [...String(Math.round(exponent))].map((digit) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(digit)]).join("");
  };
  const formatSeconds = (value) => {
    for (const [size, unit] of [[1, "s"], [1e-3, "ms"], [1e-6, "µs"]]) {
      if (value >= size * 0.9995) return `${+(value / size).toPrecision(3)} ${unit}`;
    }
    return value === 0 ? "0 s" : `${+(value / 1e-9).toPrecision(3)} ns`;
  };

  class Plot {
    constructor(picture) {
      this.picture = picture;
      this.data = dataOf(picture);
      this.holder = one(".plot", picture);
      this.svg = one("svg", this.holder);
      this.drawn = this.svg.innerHTML;
      this.selected = { along: 0, x: "", y: "" };
      this.cursor = null;
      this.label();
      this.holder.tabIndex = 0;
      this.holder.setAttribute("role", "group");
      this.holder.setAttribute("aria-label", `${this.svg.getAttribute("aria-label")}. Use the arrow keys to read values.`);
      this.tip = make("output", { class: "tip" });
      this.holder.append(this.tip);
      this.holder.addEventListener("pointermove", (event) => this.point(event));
      this.holder.addEventListener("pointerleave", () => this.leave());
      this.holder.addEventListener("blur", () => this.leave());
      this.holder.addEventListener("keydown", (event) => this.key(event));
    }

    group(name) {
      return one(`[id="${this.picture.id}-${name}"]`, this.svg);
    }

    label() {
      this.data.series.forEach(({ m }, place) => {
        for (const end of ["", "-end", "-band"]) {
          const group = this.group(`series-${place}${end}`);
          if (group && m !== null && m !== undefined) group.dataset.m = m;
        }
      });
    }

    // The axes as selected: the quantity along the horizontal one, and both scales with limits.
    axes() {
      const { axes } = this.data;
      const along = this.along();
      const x = { scale: this.selected.x || axes.x.scale, limits: axes.x.limits, label: this.data.along[along] || axes.x.label };
      const y = { scale: this.selected.y || axes.y.scale, limits: axes.y.limits, label: axes.y.label };
      if (along !== 0 || x.scale !== axes.x.scale) {
        const ends = this.data.series.flatMap((series) => [series.x, series.band ? series.band[0] : []].flat().map((value) => value * this.per(series)));
        const positive = ends.filter((value) => value > 0);
        const last = Math.max(...positive, 0) || 1;
        x.limits = x.scale === "log" ? [0.5 * Math.min(...positive, last), 1.35 * last] : [0, 1.04 * last];
      }
      if (y.scale !== axes.y.scale) {
        const heights = this.data.series.flatMap(({ y: values }) => values).filter((value) => value > 0 && value <= axes.y.limits[1]);
        const top = Math.max(...heights, 0) || 1;
        y.limits = y.scale === "log" ? [Math.max(0.5 * Math.min(...heights, top), 1e-12 * top), 2 * top] : [0, 1.05 * top];
      }
      return { x, y };
    }

    along() {
      return this.selected.along < this.data.along.length ? this.selected.along : 0;
    }

    per(series) {
      return series.per ? series.per[this.along()] ?? NaN : 1;
    }

    // Pixels and indices of the points of a series that can be drawn.
    points(series, axes = this.axes()) {
      const [left, top, right, bottom] = this.data.axes.box;
      const toX = scaleOf(axes.x, left, right);
      const toY = scaleOf(axes.y, bottom, top);
      const [low, high] = axes.y.limits;
      const per = this.per(series);
      const made = [];
      series.x.forEach((value, place) => {
        const x = value * per;
        // The start of a run, 0, has no logarithm and stands at the left end.
        const before = axes.x.scale === "log" && x <= 0;
        if (!Number.isFinite(x) || (before && !this.data.along.length)) return;
        const given = series.y[place];
        const y = given === null || given === "inf" || given === undefined ? high : Math.min(Math.max(given, low), high);
        made.push({ x: before ? left : toX(x), y: toY(y), place });
      });
      return made;
    }

    select(selected) {
      // The vertical axis is switched for residuals only, not for shares and the like.
      this.selected = this.data.along.length ? selected : { ...selected, y: "" };
      this.leave();
      this.svg.innerHTML = this.drawn;
      this.label();
      const same = this.along() === 0 && !(selected.x && selected.x !== this.data.axes.x.scale) && !(selected.y && selected.y !== this.data.axes.y.scale);
      if (!same) this.redraw();
    }

    redraw() {
      const axes = this.axes();
      this.redrawAxis("x", axes.x);
      this.redrawAxis("y", axes.y);
      this.data.series.forEach((series, place) => {
        const points = this.points(series, axes);
        const path = (list) => list.map(({ x, y }, k) => `${k ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
        const line = this.group(`series-${place}`);
        if (line) {
          one(":scope > path", line)?.setAttribute("d", path(points));
          const marks = all("use", line);
          marks.forEach((mark, k) => this.move(mark, points[Math.round(((k + 0.5) / marks.length) * (points.length - 1))]));
        }
        const end = this.group(`series-${place}-end`);
        if (end) all("use", end).forEach((mark) => this.move(mark, points.at(-1)));
        const band = this.group(`series-${place}-band`);
        if (band && series.band) {
          const [x, low, high] = series.band;
          const edge = (y) => this.points({ x, y, per: series.per }, axes);
          one("path", band).setAttribute("d", path([...edge(low), ...edge(high).reverse()]) + "Z");
        }
      });
      this.moveTolerance(axes.y);
    }

    move(mark, point) {
      if (!point) return;
      mark.setAttribute("x", point.x.toFixed(1));
      mark.setAttribute("y", point.y.toFixed(1));
    }

    redrawAxis(name, axis) {
      const group = this.group(`${name}-axis`);
      const [left, top, right, bottom] = this.data.axes.box;
      const [grid, label] = [one("path", group), group.lastElementChild];
      const place = scaleOf(axis, ...(name === "x" ? [left, right] : [bottom, top]));
      const write = name === "x" && axis.label.startsWith("time") ? formatSeconds : axis.scale === "log" ? (name === "x" ? formatShort : formatPower) : formatShort;
      const ticks = ticksOf(axis).map((value) => ({ value, at: place(value).toFixed(1) }));
      if (name === "x" && axis.scale === "log" && this.data.along.length) ticks.unshift({ value: 0, at: left });
      grid.setAttribute("d", ticks.map(({ at }) => (name === "x" ? `M${at} ${bottom}V${top}` : `M${left} ${at}H${right}`)).join(""));
      const texts = ticks.map(({ value, at }) => {
        const text = draw("text", name === "x" ? { x: at, y: bottom + 11.5 } : { x: left - 4, y: +at + 3.5 });
        text.textContent = write(value);
        return text;
      });
      if (name === "x") label.textContent = axis.label.replace(" (s)", "");
      group.replaceChildren(grid, ...texts, label);
    }

    moveTolerance(axis) {
      const [line, name] = [this.group("tolerance"), this.group("tolerance-name")];
      if (!line) return;
      const limit = this.data.tolerance;
      const [left, top, right, bottom] = this.data.axes.box;
      const y = scaleOf(axis, bottom, top)(Math.min(Math.max(limit, axis.limits[0]), axis.limits[1]));
      one("path", line)?.setAttribute("d", `M${left} ${y}H${right}`);
      const text = name && one("text", name);
      if (text) text.setAttribute("y", y - 4);
    }

    // ---- reading values ---------------------------------------------------------------------------------------
    shown() {
      return this.data.series.map((series, place) => ({ series, place })).filter(({ series }) => !hidden.m.has(String(series.m)));
    }

    point(event) {
      const matrix = this.svg.getScreenCTM();
      if (!matrix) return;
      const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
      let best = null;
      const axes = this.axes();
      for (const { series, place } of this.shown()) {
        for (const found of this.points(series, axes)) {
          const away = Math.hypot(found.x - x, found.y - y);
          if (!best || away < best.away) best = { away, series: place, place: found.place };
        }
      }
      if (best && best.away < 60) this.read(best.series, best.place);
      else this.leave();
    }

    key(event) {
      const shown = this.shown();
      if (!shown.length) return;
      const current = Math.max(0, shown.findIndex(({ place }) => this.cursor && place === this.cursor.series));
      const { series } = shown[current];
      const reach = event.shiftKey ? 10 : 1;
      const last = series.x.length - 1;
      const at = this.cursor ? this.cursor.place : -1;
      const moves = { ArrowRight: at + reach, ArrowLeft: Math.max(0, at - reach), Home: 0, End: last };
      if (event.key === "Escape") this.leave();
      else if (event.key in moves) this.read(shown[current].place, Math.min(last, moves[event.key]));
      else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        const next = shown[(current + (event.key === "ArrowDown" ? 1 : shown.length - 1)) % shown.length];
        this.read(next.place, Math.min(Math.max(at, 0), next.series.x.length - 1));
      } else return;
      event.preventDefault();
    }

    read(place, index) {
      const series = this.data.series[place];
      const points = this.points(series);
      const point = points.find(({ place: at }) => at === index) || points[0];
      if (!point) return;
      this.cursor = { series: place, place: index };
      one(".cursor", this.svg)?.remove();
      this.svg.append(draw("circle", { class: "cursor", cx: point.x, cy: point.y, r: 5.5 }));
      const label = this.data.along[this.along()] || this.data.axes.x.label;
      const x = series.x[index] * this.per(series);
      const written = label.startsWith("time") ? formatSeconds(x) : formatValue(x);
      const y = series.y[index];
      this.tip.textContent = `${series.name}: ${label.replace(" (s)", "")} ${written}, ${this.data.axes.y.label} ${y === null ? "not finite" : formatValue(y)}`;
      const [width, height] = this.svg.getAttribute("viewBox").split(" ").slice(2).map(Number);
      const right = point.x > width / 2;
      this.tip.style.cssText = `${right ? `right:${100 - (100 * point.x) / width + 1.5}%` : `left:${(100 * point.x) / width + 1.5}%`};top:${(100 * point.y) / height}%`;
    }

    leave() {
      this.cursor = null;
      one(".cursor", this.svg)?.remove();
      this.tip.textContent = "";
    }

    csv() {
      const { along, series, axes } = this.data;
      const head = ["series", ...(series.some(({ cell }) => cell) ? ["cell"] : []), ...(along.length ? along : [axes.x.label]), axes.y.label];
      const banded = series.some(({ band }) => band);
      const rows = series.flatMap((one) => {
        const band = new Map((one.band ? one.band[0] : []).map((x, k) => [x, [one.band[1][k], one.band[2][k]]]));
        return one.x.map((x, k) => [
          one.name, ...(one.cell ? [one.cell] : []), ...(one.per ? along.map((_, which) => one.per[which] === null ? null : +(x * one.per[which]).toPrecision(8)) : [x]),
          one.y[k], ...(banded ? band.get(x) || ["", ""] : []),
        ]);
      });
      return csv([...head, ...(banded ? ["band low", "band high"] : [])], rows);
    }
  }
  const formatValue = (value) => tidySigns(String(Number.isInteger(value) ? value.toLocaleString("en") : +value.toPrecision(4)));

  // ---- figures: SVG and CSV -----------------------------------------------------------------------------------
  const standalone = (svg) => {
    const copy = svg.cloneNode(true);
    all(".cursor, .off-m", copy).forEach((element) => element.remove());
    const [width, height] = copy.getAttribute("viewBox").split(" ").slice(2);
    const shapes = new Set(all("use", copy).map((use) => use.getAttribute("href")).filter((link) => link && !one(`[id="${link.slice(1)}"]`, copy)));
    copy.prepend(...[...shapes].map((link) => document.getElementById(link.slice(1)).cloneNode(true)).map((shape) => {
      const defs = draw("defs", {});
      defs.append(shape);
      return defs;
    }));
    copy.setAttribute("xmlns", SVG);
    copy.setAttribute("xmlns:xlink", "http://www.w3.org/1999/xlink");
    copy.setAttribute("width", `${width}pt`);
    copy.setAttribute("height", `${height}pt`);
    copy.setAttribute("font-family", "sans-serif");
    return new XMLSerializer().serializeToString(copy).replace(/var\(--ink-[0-9a-f]+, *(#[0-9a-f]+)\)/g, "$1");
  };
  const combinedCsv = (made) => csv(["picture", "series", "x", "y"], made.flatMap(({ picture, data }) => data.series.flatMap((series) =>
    series.x.map((x, k) => [one(".title", picture).textContent, series.name, x, series.y[k]]))));
  const addFigureTools = (figure) => {
    const pictures = all(".picture", figure);
    const tools = toolsOf(figure);
    for (const picture of pictures) {
      const named = pictures.length > 1 ? picture.id : figure.id;
      const press = button("SVG", `Save as SVG: ${named}`, () => save(`${named}.svg`, "image/svg+xml", standalone(one(".plot svg", picture))));
      if (pictures.length > 1) picture.append(press);
      else tools.append(press);
    }
    const data = dataOf(figure);
    const made = pictures.map((picture) => plots.get(picture)).filter(Boolean);
    if (data || made.length) {
      tools.append(button("CSV", `Save as CSV: ${figure.id}`, () => {
        const rows = data && (data.values[0] || []).map((_, row) => data.values.map((values) => values[row]));
        save(`${figure.id}.csv`, "text/csv", data ? csv(data.columns, rows) : made.length > 1 ? combinedCsv(made) : made[0].csv());
      }));
    }
  };

  // ---- switches: methods, problems, axes ----------------------------------------------------------------------
  const hidden = { m: new Set(), p: new Set() };
  const plots = new Map(all(".picture").filter((picture) => dataOf(picture)).map((picture) => [picture, new Plot(picture)]));
  const apply = () => {
    for (const kind of ["m", "p"]) {
      for (const element of all(`[data-${kind}]`)) element.classList.toggle(`off-${kind}`, hidden[kind].has(element.dataset[kind]));
    }
    const total = all("fieldset input[type=checkbox]").length;
    const off = hidden.m.size + hidden.p.size;
    const shown = one(".shown");
    if (shown) shown.textContent = off ? `${total - off} of ${total} methods and problems` : "everything";
  };
  const addSwitches = (panel) => {
    panel.hidden = false;
    for (const kind of ["m", "p"]) {
      const fieldset = one(`[data-kind=${kind}]`, panel);
      const boxes = all("input", fieldset);
      const note = (box) => (box.checked ? hidden[kind].delete(box.value) : hidden[kind].add(box.value));
      boxes.forEach((box) => box.addEventListener("change", () => { note(box); apply(); }));
      const every = (checked) => () => { boxes.forEach((box) => { box.checked = checked; note(box); }); apply(); };
      const tools = make("p", { class: "tools" });
      const legend = one("legend", fieldset).textContent.toLowerCase();
      tools.append(button("all", `Show all ${legend}`, every(true)), button("none", `Show none of the ${legend}`, every(false)));
      fieldset.append(tools);
    }
    const choices = all("select", panel);
    choices.forEach((choice) => choice.addEventListener("change", () => {
      const [along, x, y] = choices.map(({ value }) => value);
      plots.forEach((plot) => plot.select({ along: Number(along), x, y }));
      apply();
    }));
  };

  // Following a link to something hidden by a switch or a filter shows it again.
  const reveal = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    const lost = target.closest(".off-m, .off-p, .off-f");
    if (!lost) return;
    all(".off-f", lost.parentNode).forEach((row) => row.classList.remove("off-f"));
    all("input[type=search]", target.closest("figure") || document).forEach((input) => { input.value = ""; });
    for (const kind of ["m", "p"]) {
      if (hidden[kind].delete(lost.dataset[kind])) one(`[data-kind=${kind}] input[value="${lost.dataset[kind]}"]`).checked = true;
    }
    apply();
    target.scrollIntoView();
  };

  document.documentElement.classList.add("live");
  all("figure.table").forEach(addTableTools);
  all("figure.card").forEach(addFigureTools);
  all(".switches").forEach(addSwitches);
  apply();
  window.addEventListener("hashchange", reveal);
  reveal();
})();
