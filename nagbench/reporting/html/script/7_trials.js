// ---- one trial: picked across parallel axes or as a dot; its curve and its path light up where they were recorded --
const near = (a, b) => a === b || (Number.isFinite(a) && Number.isFinite(b) && Math.abs(a - b) <= 1e-3 * Math.abs(b));
const unpick = () => {
  all(".picked").forEach((element) => element.remove());
  all(".chosen").forEach((element) => element.classList.remove("chosen"));
};

// Marks a trial { p, m, step, count, cell } everywhere but in the picture in which it was picked.
const pick = (trial, origin) => {
  unpick();
  for (const [picture, plot] of plots) {
    if (picture.dataset.p !== trial.p || picture === origin) continue;
    if (plot instanceof Trials) plot.mark(plot.find(trial));
    else if (plot.data.series.some(({ chosen: known }) => known)) plot.markDot(trial);
    else plot.data.series.forEach(({ cell }, place) => { if (cell && cell === trial.cell) plot.groups(place).forEach((group) => group.classList.add("chosen")); });
  }
  if (trial.cell) all(`.picture[data-cell="${trial.cell}"]`).forEach((picture) => picture.classList.add("chosen"));
};

class Trials {
  constructor(picture) {
    this.picture = picture;
    this.data = { series: [], ...dataOf(picture).trials };
    this.holder = one(".plot", picture);
    this.svg = one("svg", this.holder);
    this.lines = all("g[id*='-series-'] > path", this.svg).flatMap((path) => path.getAttribute("d").split(/(?=M)/));
    this.points = this.lines.map((line) => line.match(/[\d.]+ [\d.]+/g).map((pair) => pair.split(" ").map(Number)));
    this.step = this.data.names.indexOf("step_size");
    this.current = null;
    this.tip = make("output", { class: "tip" });
    this.holder.append(this.tip);
    this.holder.addEventListener("pointermove", (event) => this.point(event));
    this.holder.addEventListener("pointerleave", () => this.leave());
  }

  refresh() {}

  listen() {}

  zoom() { return true; }

  // How far a place is from a line, in points of the picture.
  away(points, at) {
    return Math.min(...points.slice(1).map(([x, y], k) => {
      const [dx, dy] = [x - points[k][0], y - points[k][1]];
      const along = Math.min(1, Math.max(0, ((at.x - points[k][0]) * dx + (at.y - points[k][1]) * dy) / (dx * dx + dy * dy || 1)));
      return Math.hypot(points[k][0] + along * dx - at.x, points[k][1] + along * dy - at.y);
    }));
  }

  point(event) {
    const at = Plot.prototype.place.call(this, event);
    if (!at) return;
    const distances = this.points.map((points) => this.away(points, at));
    const nearest = Math.min(...distances);
    // The last of several is the best: the selected trial is drawn on top.
    if (nearest < 12) this.read(distances.lastIndexOf(nearest));
    else this.leave();
  }

  key(event) {
    const moves = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    const last = this.lines.length - 1;
    if (event.key === "Escape") this.leave();
    else if (event.key in moves) this.read(Math.min(last, Math.max(0, (this.current ?? last + 1) + moves[event.key])));
    else if (event.key === "Home" || event.key === "End") this.read(event.key === "Home" ? last : 0);
    else return false;
    return true;
  }

  read(index) {
    const { names, values, selected, cell, method } = this.data;
    if (this.current === index) return;
    this.current = index;
    const row = values[index];
    const chosenOne = index >= values.length - selected;
    pick({ p: this.picture.dataset.p, m: this.picture.dataset.m, step: row[this.step], count: row.at(-1), cell: chosenOne ? cell : "" }, this.picture);
    this.mark(index);
    const settings = names.slice(1, -1).map((name, k) => `${name} ${formatValue(row[k + 1])}`).join(", ");
    this.tip.textContent = `${method}, trial ${row[0]}${chosenOne ? ", selected" : ""}: ${settings}; ${row.at(-1) === null ? "did not converge" : `${formatValue(row.at(-1))} iterations`}`;
    this.tip.style.cssText = "left:4%;top:30%";
  }

  find({ m, step, count }) {
    if (m !== this.picture.dataset.m || this.step < 0) return -1;
    return this.data.values.findLastIndex((row) => near(row[this.step], step) && near(row.at(-1), count));
  }

  mark(index) {
    if (index >= 0) this.svg.append(draw("path", { class: "picked", d: this.lines[index] }));
  }

  leave() {
    if (this.current !== null) unpick();
    this.current = null;
    this.tip.textContent = "";
  }

  rows() {
    const { names, values, method } = this.data;
    return { head: ["series", ...names], rows: values.map((row) => [method, ...row]) };
  }
}

Object.assign(Plot.prototype, {
  // Rings the dot of a trial; dots that lie on one another are drawn as one, so it may be missing.
  markDot({ m, step, count }) {
    this.shown().filter(({ series }) => series.chosen && String(series.m) === m).forEach(({ series }) => {
      const found = this.points(series).find(({ place }) => near(series.x[place], step) && near(series.y[place], count));
      if (found) this.svg.append(draw("circle", { class: "picked", cx: found.x, cy: found.y, r: 6 }));
    });
  },

  pickDot(series, index) {
    const [step, cell] = series.chosen;
    const converged = series.y[index] !== null;
    pick({ p: this.picture.dataset.p, m: String(series.m), step: series.x[index], count: series.y[index], cell: converged && near(series.x[index], step) ? cell : "" }, this.picture);
  },
});
