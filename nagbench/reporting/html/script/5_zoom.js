// ---- zoom and pan: a box drawn with the pointer, the wheel with Ctrl, and keys ----------------------------------
Object.assign(Plot.prototype, {
  zoom(view) {
    this.view = view;
    if (view) chosen.view[this.picture.id] = [...view.x, ...view.y].map((value) => +value.toPrecision(6)).join("~");
    else delete chosen.view[this.picture.id];
    this.refresh();
    apply();
    return true;
  },

  // The view between two points of the picture, as the values of the axes.
  between(a, b) {
    const { x, y } = this.axes();
    const [left, top, right, bottom] = this.data.axes.box;
    const clip = (value, low, high) => Math.min(Math.max(value, low), high);
    const across = [a.x, b.x].map((at) => clip(at, left, right)).sort((one, two) => one - two);
    const up = [a.y, b.y].map((at) => clip(at, top, bottom)).sort((one, two) => two - one);
    return { x: across.map((at) => valueAt(x, left, right, at)), y: up.map((at) => valueAt(y, bottom, top, at)) };
  },

  // The view whose sides are `factor` times as long, around a point of the picture, or moved by parts of its sides.
  scale(factor, around) {
    const [left, top, right, bottom] = this.data.axes.box;
    const at = around || { x: (left + right) / 2, y: (top + bottom) / 2 };
    return this.moved(factor, (from, to, name) => at[name] - factor * (at[name] - from));
  },

  pan([right, up]) {
    return this.moved(1, (from, to, name) => from + (name === "x" ? right : up) * (to - from));
  },

  moved(factor, start) {
    const { x, y } = this.axes();
    const [left, top, right, bottom] = this.data.axes.box;
    const side = (axis, from, to, name) => {
      const first = start(from, to, name);
      return [first, first + factor * (to - from)].map((place) => valueAt(axis, from, to, place));
    };
    return this.zoom({ x: side(x, left, right, "x"), y: side(y, bottom, top, "y") });
  },

  listen() {
    let from = null;
    let box = null;
    this.holder.addEventListener("pointerdown", (event) => {
      if (event.button || event.pointerType === "touch") return;
      from = { ...this.pixel(event), panning: event.shiftKey };
    });
    this.holder.addEventListener("pointermove", (event) => {
      if (!from || !event.buttons) return;
      const to = this.pixel(event);
      if (!box && Math.hypot(to.x - from.x, to.y - from.y) < 4) return;
      this.holder.setPointerCapture(event.pointerId);
      box = box || this.svg.appendChild(draw("rect", { class: "zoom-box" }));
      if (!from.panning) fill(box, { x: Math.min(from.x, to.x), y: Math.min(from.y, to.y), width: Math.abs(to.x - from.x), height: Math.abs(to.y - from.y) });
    });
    this.holder.addEventListener("pointerup", (event) => {
      const start = from;
      const drawn = box;
      from = box = null;
      if (!start || !drawn) return;
      drawn.remove();
      const to = this.pixel(event);
      const [left, top, right, bottom] = this.data.axes.box;
      if (start.panning) this.pan([(start.x - to.x) / (right - left), (to.y - start.y) / (bottom - top)]);
      else if (Math.abs(to.x - start.x) > 5 && Math.abs(to.y - start.y) > 5) this.zoom(this.between(start, to));
      remember();
    });
    this.holder.addEventListener("dblclick", () => { if (this.view) { this.zoom(null); remember(); } });
    this.holder.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      this.scale(event.deltaY > 0 ? 1.25 : 0.8, this.pixel(event));
      remember();
    }, { passive: false });
  },

  pixel(event) {
    const { x, y } = this.place(event) || { x: 0, y: 0 };
    return { x, y };
  },
});
