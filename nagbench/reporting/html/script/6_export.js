// ---- figures as pictures: one drawing with title, panels and legend ---------------------------------------------
const sizeOf = (svg) => svg.getAttribute("viewBox").split(" ").slice(2).map(Number);
const plainText = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
const inkOf = (text) => text.replace(/var\(--ink-[0-9a-f]+, *(#[0-9a-f]+)\)/g, "$1");

// A copy of a drawing without what only the page needs.
const copyOf = (svg, x, y) => {
  const copy = svg.cloneNode(true);
  all(".cursor, .picked, .zoom-box, .off-m, .off-p", copy).forEach((element) => element.remove());
  const [width, height] = sizeOf(svg);
  return fill(copy, { x, y, width, height });
};

// The keys of the legend that are shown, in rows of this width; returns their height.
const drawLegend = (figure, root, width, top) => {
  let [x, y] = [8, top + 12];
  for (const key of all(".legend .key:not(.dim)", figure)) {
    const text = plainText(key.textContent.trim(), 44);
    const long = 44 + 5.4 * text.length;
    if (x > 8 && x + long > width) [x, y] = [8, y + 15];
    root.append(fill(one("svg", key).cloneNode(true), { x, y: y - 9, width: 36, height: 12 }), draw("text", { x: x + 40, y, "font-size": 9.5 }, text));
    x += long + 10;
  }
  return x > 8 ? y + 8 - top : 0;
};

// The figure as one drawing: its panels side by side, each with its title.
const compose = (figure) => {
  const pictures = all(".picture", figure).filter((picture) => !isHidden(picture) && one(".plot svg", picture));
  const [width, height] = pictures.map((picture) => sizeOf(one(".plot svg", picture))).reduce((a, b) => [Math.max(a[0], b[0]), Math.max(a[1], b[1])], [0, 0]);
  const columns = Math.min(pictures.length, pictures.length > 4 ? 3 : 2);
  const total = Math.max(columns * width, 240);
  const root = draw("svg", { "font-family": "sans-serif" });
  const lead = plainText(one("figcaption b", figure)?.textContent || figure.id, Math.floor(total / 5.6));
  root.append(draw("text", { x: 8, y: 14, "font-size": 10.5, "font-weight": "bold" }, lead));
  const titled = pictures.some((picture) => one(".title", picture)) ? 16 : 0;
  pictures.forEach((picture, place) => {
    const [x, y] = [(place % columns) * width, 22 + Math.floor(place / columns) * (height + titled)];
    const title = one(".title", picture);
    if (title) root.append(draw("text", { x: x + 8, y: y + 10, "font-size": 9.5, "font-weight": "bold" }, plainText(title.firstChild.textContent.trim(), 48)));
    root.append(copyOf(one(".plot svg", picture), x, y + titled));
  });
  const bottom = 22 + Math.ceil(pictures.length / columns) * (height + titled);
  const full = [total, bottom + drawLegend(figure, root, total, bottom)];
  fill(root, { xmlns: SVG, "xmlns:xlink": "http://www.w3.org/1999/xlink", viewBox: `0 0 ${full.join(" ")}`, width: `${full[0]}pt`, height: `${full[1]}pt` });
  root.prepend(definitionsOf(root), draw("rect", { width: full[0], height: full[1], fill: "#ffffff" }));
  return { text: inkOf(new XMLSerializer().serializeToString(root)), size: full };
};

// The shapes elsewhere on the page that a drawing refers to.
const definitionsOf = (root) => {
  const defs = draw("defs", {});
  const wanted = new Set(all("use", root).map((use) => use.getAttribute("href")).filter((link) => link && !one(`[id="${link.slice(1)}"]`, root)));
  wanted.forEach((link) => {
    const shape = document.getElementById(link.slice(1));
    if (shape) defs.append(shape.cloneNode(true));
  });
  return defs;
};

const bitmap = async (figure) => {
  const { text, size } = compose(figure);
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  const canvas = make("canvas", { width: Math.round(2 * size[0]), height: Math.round(2 * size[1]) });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => { canvas.toBlob(done, "image/png"); });
};
const copyImage = async (figure, press) => {
  try {
    await navigator.clipboard.write([new ClipboardItem({ "image/png": bitmap(figure) })]);
    say(press, "Copied");
  } catch {
    say(press, "Not allowed here");
  }
};

const figureCsv = (figure) => {
  const data = dataOf(figure);
  if (data) {
    const at = data.columns.indexOf("method");
    const rows = (data.values[0] || []).map((_, row) => data.values.map((values) => values[row]));
    return csv(data.columns, rows.filter((row) => at < 0 || !hidden.m.has(methodNumbers.get(String(row[at])))));
  }
  const made = all(".picture", figure).filter((picture) => !isHidden(picture)).map((picture) => ({ picture, plot: plots.get(picture) })).filter(({ plot }) => plot);
  if (!made.length) return "";
  if (made.length === 1 && all(".picture", figure).length === 1) return csv(made[0].plot.rows().head, made[0].plot.rows().rows);
  // Panels of different quantities share the names x and y.
  const heads = new Set(made.map(({ plot }) => plot.rows().head.join()));
  const head = heads.size === 1 ? made[0].plot.rows().head : ["series", "x", "y"];
  return csv(["picture", ...head], made.flatMap(({ picture, plot }) => plot.rows().rows.map((row) => [one(".title", picture).firstChild.textContent.trim(), ...row])));
};

const addFigureTools = (figure) => {
  const tools = toolsOf(figure);
  const id = figure.id;
  if (one(".plot svg", figure)) {
    tools.append(
      button("SVG", `Save as SVG: ${id}`, () => saveText(`${id}.svg`, "image/svg+xml", compose(figure).text)),
      button("PNG", `Save as PNG: ${id}`, async () => save(`${id}.png`, await bitmap(figure))),
      button("Copy image", `Copy image: ${id}`, (event) => copyImage(figure, event.currentTarget)),
    );
  }
  if (dataOf(figure) || all(".picture", figure).some((picture) => plots.has(picture))) {
    tools.append(button("CSV", `Save as CSV: ${id}`, () => saveText(`${id}.csv`, "text/csv", figureCsv(figure))));
  }
  const pictures = all(".picture", figure);
  if (pictures.length < 2) return;
  pictures.forEach((picture) => {
    const title = one(".title", picture);
    if (title) title.append(button("⤢", `Enlarge: ${title.firstChild.textContent.trim()}`, () => { enlarge(picture, !picture.classList.contains("large")); remember(); }));
  });
};
const enlarge = (picture, large) => {
  picture.classList.toggle("large", large);
  chosen.large[large ? "add" : "delete"](picture.id);
};
