// ---- the address: every choice stands in the fragment, behind the part of the page ------------------------------
const fragment = () => {
  const [anchor, query = ""] = location.hash.slice(1).split("?");
  return { anchor: decodeURIComponent(anchor), query };
};

const remember = () => {
  const query = new URLSearchParams();
  for (const [kind, name] of [["m", "hide"], ["p", "without"]]) boxesOf(kind).filter(({ value }) => hidden[kind].has(value)).forEach((box) => query.append(name, box.dataset.name));
  for (const name of ["along", "x", "y", "theme"]) if (chosen[name] && chosen[name] !== "0") query.set(name, chosen[name]);
  for (const name of ["sort", "find", "view", "step"]) for (const [id, value] of Object.entries(chosen[name])) query.append(name, `${id}:${value}`);
  chosen.large.forEach((id) => query.append("large", id));
  folds.forEach(({ fold, open }, id) => { if (fold.open !== open) query.append("turned", id); });
  const text = query.toString();
  const { anchor } = fragment();
  const address = `${location.pathname}${location.search}${anchor || text ? "#" : ""}${anchor}${text ? `?${text}` : ""}`;
  history.replaceState(null, "", address);
};

const restore = (text) => {
  const query = new URLSearchParams(text);
  for (const [kind, name] of [["m", "hide"], ["p", "without"]]) {
    hidden[kind].clear();
    const numbers = kind === "m" ? methodNumbers : problemNumbers;
    query.getAll(name).forEach((each) => { if (numbers.has(each)) hidden[kind].add(numbers.get(each)); });
  }
  const pairs = (name) => query.getAll(name).map((each) => [each.slice(0, each.indexOf(":")), each.slice(each.indexOf(":") + 1)]);
  for (const name of ["along", "x", "y", "theme"]) {
    const choice = one(`.switches select[name=${name}]`);
    const value = query.get(name) || (name === "along" ? "0" : "");
    if (choice && [...choice.options].some((option) => option.value === value)) choice.value = value;
    chosen[name] = choice ? choice.value : value;
  }
  chosen.sort = {};
  pairs("sort").forEach(([id, value]) => tables.get(id)?.sort(parseInt(value, 10), value.endsWith("-")));
  tables.forEach((table) => table.filter(""));
  pairs("find").forEach(([id, value]) => tables.get(id)?.filter(value));
  plots.forEach((plot) => { plot.view = null; });
  chosen.view = {};
  pairs("view").forEach(([id, value]) => {
    const plot = plots.get(document.getElementById(id));
    const ends = value.split("~").map(Number);
    if (plot && ends.length === 4 && ends.every(Number.isFinite)) plot.zoom({ x: ends.slice(0, 2), y: ends.slice(2) });
  });
  steps.forEach((each) => each.go(each.iterations.length));
  pairs("step").forEach(([id, value]) => { if (Number.isInteger(+value)) steps.get(id)?.go(+value); });
  all(".picture.large").forEach((picture) => enlarge(picture, false));
  query.getAll("large").forEach((id) => { const picture = document.getElementById(id); if (picture?.classList.contains("picture")) enlarge(picture, true); });
  folds.forEach(({ fold, open }, id) => { fold.open = query.getAll("turned").includes(id) ? !open : open; });
  applyTheme();
  redrawAll();
};

// Following a link to something hidden by a switch, a filter or a fold shows it again.
const reveal = () => {
  const { anchor } = fragment();
  const target = anchor && document.getElementById(anchor);
  if (!target) return;
  for (let fold = target.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  for (let lost = target.closest(".off-m, .off-p, .off-f"); lost; lost = lost.parentElement.closest(".off-m, .off-p, .off-f")) {
    if (lost.classList.contains("off-f")) tables.get(lost.closest("figure").id)?.filter("");
    for (const kind of ["m", "p"]) hidden[kind].delete(lost.dataset[kind]);
  }
  redrawAll();
  const row = target.matches("tbody tr") ? tables.get(target.closest("figure").id) : null;
  if (row?.details) row.details.open(target);
  target.scrollIntoView();
};

const addFoldTools = (section) => {
  const inside = all("details.fold", section);
  if (inside.length < 2) return;
  const press = button("open all", `Open all parts of ${one("h2", section).firstChild.textContent.trim()}`, () => {
    const open = inside.some((fold) => !fold.open);
    inside.forEach((fold) => { fold.open = open; });
    press.textContent = open ? "close all" : "open all";
    remember();
  });
  press.className = "open-all";
  one("h2", section).append(press);
};

const tables = new Map(all("figure.table").map((figure) => [figure.id, new SortedTable(figure)]));
const steps = new Map(all("figure[data-steps]").map((figure) => [figure.id, new Steps(figure)]));
const folds = new Map(all("details[id]").map((fold) => [fold.id, { fold, open: fold.open }]));
document.documentElement.classList.add("live");
plots.forEach((plot) => plot.listen());
tables.forEach((table, id) => { if (id === "table-cells") table.details = new Details(table); });
all("figure.card").forEach((figure) => { addFigureTools(figure); addLegend(figure); });
all(".switches").forEach((panel) => { addSwitches(panel); addDrawer(panel); });
all("main > section:not([aria-labelledby=found])").forEach(addFoldTools);
all("figure.card, figure.table").forEach(addKeys);
addBrush();
restore(fragment().query);
folds.forEach(({ fold }) => fold.addEventListener("toggle", remember));
window.addEventListener("hashchange", () => {
  if (fragment().query) restore(fragment().query);
  reveal();
  remember();
});
reveal();
