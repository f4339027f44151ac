// ---- a plot: switching its axes, zooming, reading values --------------------------------------------------------
class Plot {
  constructor(picture) {
    this.picture = picture;
    this.data = dataOf(picture);
    this.holder = one(".plot", picture);
    this.svg = one("svg", this.holder);
    this.drawn = this.svg.innerHTML;
    this.view = null;
    this.cursor = null;
    this.label();
    this.tip = make("output", { class: "tip" });
    this.holder.append(this.tip);
    this.holder.addEventListener("pointermove", (event) => this.point(event));
    this.holder.addEventListener("pointerleave", () => this.leave());
  }

  group(name) {
    return one(`[id="${this.picture.id}-${name}"]`, this.svg);
  }

  groups(place) {
    return ["", "-end", "-band"].map((end) => this.group(`series-${place}${end}`)).filter(Boolean);
  }

  label() {
    this.data.series.forEach(({ m }, place) => {
      if (m !== null && m !== undefined) this.groups(place).forEach((group) => { group.dataset.m = m; });
    });
  }

  shown() {
    return this.data.series.map((series, place) => ({ series, place })).filter(({ series }) => !hidden.m.has(String(series.m)));
  }

  along() {
    return +chosen.along < this.data.along.length ? +chosen.along : 0;
  }

  per(series) {
    return series.per ? series.per[this.along()] ?? NaN : 1;
  }

  // The axes as chosen: the quantity along the horizontal one, both scales, and limits that hold what is shown.
  axes() {
    const { axes } = this.data;
    const x = { scale: chosen.x || axes.x.scale, limits: axes.x.limits, label: this.data.along[this.along()] || axes.x.label };
    // The vertical axis is switched for residuals only, not for shares and the like.
    const y = { scale: (this.data.along.length && chosen.y) || axes.y.scale, limits: axes.y.limits, label: axes.y.label };
    const shown = this.shown().map(({ series }) => series);
    const fewer = this.data.along.length && shown.length && shown.length < this.data.series.length;
    if (fewer || this.along() !== 0 || x.scale !== axes.x.scale) x.limits = this.limitsAlong(fewer ? shown : this.data.series, x.scale) || x.limits;
    if (fewer || y.scale !== axes.y.scale) y.limits = this.limitsUp(fewer ? shown : this.data.series, y) || y.limits;
    y.ends = y.limits;
    if (this.view) [x.limits, y.limits] = [this.view.x, this.view.y];
    return { x, y };
  }

  limitsAlong(list, scale) {
    const ends = list.flatMap((series) => [series.x, series.band ? series.band[0] : []].flat().map((value) => value * this.per(series)));
    const positive = ends.filter((value) => value > 0);
    const last = Math.max(...positive, 0) || 1;
    return scale === "log" ? [0.5 * Math.min(...positive, last), 1.35 * last] : [0, 1.04 * last];
  }

  limitsUp(list, { scale, limits }) {
    const heights = list.flatMap(({ y }) => y).filter((value) => value > 0 && value <= limits[1]);
    const top = Math.max(...heights, this.data.tolerance || 0) || 1;
    const low = Math.min(...heights, this.data.tolerance || top);
    return scale === "log" ? [Math.max(0.4 * low, limits[0], 1e-12 * top), 2 * top] : [0, 1.05 * top];
  }

  // Pixels and indices of the points of a series that can be drawn.
  points(series, axes = this.axes()) {
    const [left, top, right, bottom] = this.data.axes.box;
    const toX = scaleOf(axes.x, left, right);
    const toY = scaleOf(axes.y, bottom, top);
    const [low, high] = axes.y.ends;
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

  refresh() {
    this.leave();
    this.svg.innerHTML = this.drawn;
    this.label();
    const { axes } = this.data;
    const now = this.axes();
    const same = this.along() === 0 && ["x", "y"].every((name) => now[name].scale === axes[name].scale && now[name].limits === axes[name].limits);
    if (!same) this.redraw(now);
    this.picture.classList.toggle("zoomed", Boolean(this.view));
  }

  redraw(axes) {
    this.redrawAxis("x", axes.x);
    this.redrawAxis("y", axes.y);
    this.data.series.forEach((series, place) => {
      const points = this.points(series, axes);
      const path = (list) => list.map(({ x, y }, k) => `${k ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
      const line = this.group(`series-${place}`);
      if (line) {
        const stroke = one(":scope > path", line);
        const dots = stroke?.dataset.dots !== undefined;
        stroke?.setAttribute("d", dots ? points.map(({ x, y }) => `M${x.toFixed(1)} ${y.toFixed(1)}h0`).join("") : path(points));
        const marks = all("use", line);
        const every = marks.length === points.length;
        marks.forEach((mark, k) => this.move(mark, points[every ? k : Math.round(((k + 0.5) / marks.length) * (points.length - 1))]));
      }
      const end = this.group(`series-${place}-end`);
      if (end) all("use", end).forEach((mark) => this.move(mark, points.at(-1)));
      const band = this.group(`series-${place}-band`);
      if (band && series.band) {
        const [x, low, high] = series.band;
        const edge = (y) => this.points({ x, y, per: series.per }, axes);
        one("path", band).setAttribute("d", path([...edge(low), ...edge(high).reverse()]) + "Z");
      }
      if (this.view) this.groups(place).forEach((group) => group.setAttribute("clip-path", `url(${"#"}${this.picture.id}-clip)`));
    });
    if (this.view) this.clip();
    this.moveTolerance(axes.y);
  }

  clip() {
    const [left, top, right, bottom] = this.data.axes.box;
    const clip = draw("clipPath", { id: `${this.picture.id}-clip` });
    clip.append(draw("rect", { x: left, y: top, width: right - left, height: bottom - top }));
    this.svg.prepend(clip);
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
    const values = ticksOf(axis);
    const powers = name === "y" && axis.scale === "log" && values.every((value) => Math.abs(Math.log10(value) - Math.round(Math.log10(value))) < 1e-9);
    const write = name === "x" && axis.label.startsWith("time") ? formatSeconds : powers ? formatPower : formatShort;
    const ticks = values.map((value) => ({ value, at: place(value).toFixed(1) }));
    if (name === "x" && axis.scale === "log" && this.data.along.length && !this.view) ticks.unshift({ value: 0, at: left });
    grid.setAttribute("d", ticks.map(({ at }) => (name === "x" ? `M${at} ${bottom}V${top}` : `M${left} ${at}H${right}`)).join(""));
    const texts = ticks.map(({ value, at }) => draw("text", name === "x" ? { x: at, y: bottom + 11.5 } : { x: left - 4, y: +at + 3.5 }, write(value)));
    if (name === "x") label.textContent = axis.label.replace(" (s)", "");
    group.replaceChildren(grid, ...texts, label);
  }

  moveTolerance(axis) {
    const [line, name] = [this.group("tolerance"), this.group("tolerance-name")];
    if (!line) return;
    const [left, top, right, bottom] = this.data.axes.box;
    const y = scaleOf(axis, bottom, top)(Math.min(Math.max(this.data.tolerance, axis.limits[0]), axis.limits[1]));
    one("path", line)?.setAttribute("d", `M${left} ${y}H${right}`);
    const text = name && one("text", name);
    if (text) text.setAttribute("y", y - 4);
  }

  // ---- reading values -------------------------------------------------------------------------------------------
  place(event) {
    const matrix = this.svg.getScreenCTM();
    return matrix && new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
  }

  point(event) {
    const at = event.buttons ? null : this.place(event);
    if (!at) return;
    let best = null;
    const axes = this.axes();
    for (const { series, place } of this.shown()) {
      for (const found of this.points(series, axes)) {
        const away = Math.hypot(found.x - at.x, found.y - at.y);
        if (!best || away < best.away) best = { away, series: place, place: found.place };
      }
    }
    if (best && best.away < 40) this.read(best.series, best.place);
    else this.leave();
  }

  // Returns whether the key meant something here.
  key(event) {
    const shown = this.shown();
    if (event.altKey && event.key.startsWith("Arrow")) return this.pan({ ArrowLeft: [-0.2, 0], ArrowRight: [0.2, 0], ArrowUp: [0, 0.2], ArrowDown: [0, -0.2] }[event.key]);
    if (["+", "=", "-", "0"].includes(event.key)) return event.key === "0" ? this.zoom(null) : this.scale(event.key === "-" ? 2 : 0.5);
    if (!shown.length) return false;
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
    } else return false;
    return true;
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
    if (series.chosen) this.pickDot(series, index);
    this.tip.style.cssText = `${right ? `right:${100 - (100 * point.x) / width + 1.5}%` : `left:${(100 * point.x) / width + 1.5}%`};top:${(100 * point.y) / height}%`;
  }

  leave() {
    if (this.cursor && this.data.series[this.cursor.series].chosen) unpick();
    this.cursor = null;
    one(".cursor", this.svg)?.remove();
    this.tip.textContent = "";
  }

  // The header and the rows of what is shown.
  rows() {
    const { along, axes } = this.data;
    const series = this.shown().map(({ series: shown }) => shown);
    const banded = this.data.series.some(({ band }) => band);
    const celled = this.data.series.some(({ cell }) => cell);
    const head = ["series", ...(celled ? ["cell"] : []), ...(along.length ? along : [axes.x.label]), axes.y.label, ...(banded ? ["band low", "band high"] : [])];
    const rows = series.flatMap((each) => {
      const band = new Map((each.band ? each.band[0] : []).map((x, k) => [x, [each.band[1][k], each.band[2][k]]]));
      return each.x.map((x, k) => [
        each.name, ...(celled ? [each.cell] : []), ...(each.per ? along.map((_, which) => each.per[which] === null ? null : +(x * each.per[which]).toPrecision(8)) : [x]),
        each.y[k], ...(banded ? band.get(x) || ["", ""] : []),
      ]);
    });
    return { head, rows };
  }
}
