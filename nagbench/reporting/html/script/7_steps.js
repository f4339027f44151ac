// ---- paths step by step: iterates and query points of all panels at the same iteration --------------------------
class Steps {
  constructor(figure) {
    this.figure = figure;
    const { box, frame } = JSON.parse(figure.dataset.steps);
    const [left, top, right, bottom] = frame;
    this.project = (x, y) => [left + ((right - left) * (x - box[0][0])) / (box[0][1] - box[0][0]), bottom - ((bottom - top) * (y - box[1][0])) / (box[1][1] - box[1][0])];
    this.panels = this.read();
    this.iterations = [...new Set(this.panels.flatMap(({ points }) => points.map(({ k }) => k)))].sort((a, b) => a - b);
    this.build();
  }

  // The points of each panel; panels stand in the order in which their methods come in the data.
  read() {
    const { columns, values } = dataOf(this.figure);
    const column = Object.fromEntries(columns.map((name, place) => [name, values[place]]));
    const methods = [...new Set(column.method)];
    return all(".picture", this.figure).map((picture, place) => {
      const rows = column.method.map((name, row) => row).filter((row) => column.method[row] === methods[place]);
      const points = rows.map((row) => ({
        k: column.iteration[row],
        at: this.project(column.x1[row], column.x2[row]),
        query: column.gradient_at_x1[row] === null ? null : this.project(column.gradient_at_x1[row], column.gradient_at_x2[row]),
      }));
      return { picture, points, layer: one("svg g[clip-path]", picture) };
    }).filter(({ layer, points }) => layer && points.length);
  }

  build() {
    const last = this.iterations.length;
    this.slider = make("input", { type: "range", min: 0, max: last, value: last, "aria-label": `Step of ${this.figure.id}` });
    this.output = make("output", { class: "count" }, "whole path");
    this.play = button("▶ Play", `Play the steps of ${this.figure.id}`, () => this.toggle());
    this.slider.addEventListener("input", () => this.go(+this.slider.value));
    this.slider.addEventListener("change", remember);
    const holder = make("p", { class: "tools stepper" });
    holder.append(this.play, this.slider, this.output);
    one(".panels, .panel", this.figure).before(holder);
  }

  go(place) {
    const whole = place >= this.iterations.length;
    const k = this.iterations[Math.min(place, this.iterations.length - 1)];
    this.slider.value = place;
    this.output.textContent = whole ? "whole path" : `iteration ${k.toLocaleString("en")}`;
    if (whole) delete chosen.step[this.figure.id];
    else chosen.step[this.figure.id] = place;
    this.panels.forEach((panel) => this.show(panel, whole ? null : k));
  }

  show({ layer, points }, k) {
    one(":scope > .step", layer)?.remove();
    layer.classList.toggle("stepping", k !== null);
    if (k === null) return;
    const until = points.filter((point) => point.k <= k);
    const now = until.at(-1);
    const ended = now === points.at(-1) && now.k < k;
    const color = layer.children[1].getAttribute("stroke");
    const group = draw("g", { class: "step" });
    group.append(
      draw("path", { d: until.map(({ at }, place) => `${place ? "L" : "M"}${at[0].toFixed(1)} ${at[1].toFixed(1)}`).join(""), stroke: color, "stroke-width": 1.6, fill: "none" }),
    );
    if (now.query && (now.query[0] !== now.at[0] || now.query[1] !== now.at[1])) {
      group.append(
        draw("path", { d: `M${now.at.join(" ")}L${now.query.join(" ")}`, stroke: "#1f2430", "stroke-width": 1.4, "stroke-dasharray": "2 2" }),
        draw("circle", { cx: now.query[0], cy: now.query[1], r: 5, fill: "#ffffff", "fill-opacity": 0.6, stroke: "#1f2430", "stroke-width": 1.6 }),
      );
    }
    group.append(draw("circle", { cx: now.at[0], cy: now.at[1], r: 4.5, fill: color, stroke: ended ? "#1f2430" : "#ffffff", "stroke-width": 1.4 }));
    layer.append(group);
  }

  toggle() {
    if (this.timer) return this.stop();
    if (+this.slider.value >= this.iterations.length) this.go(0);
    this.play.textContent = "■ Stop";
    this.timer = setInterval(() => {
      this.go(+this.slider.value + 1);
      if (+this.slider.value >= this.iterations.length) this.stop();
    }, 120);
    return undefined;
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    this.play.textContent = "▶ Play";
    remember();
  }
}
