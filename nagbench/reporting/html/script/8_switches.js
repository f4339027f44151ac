// ---- switches: methods, problems, axes, theme; legends; what is pointed at --------------------------------------
const boxesOf = (kind) => all(`.switches [data-kind=${kind}] input`);
const namesOf = (kind) => new Map(boxesOf(kind).map((box) => [box.dataset.name, box.value]));
const methodNumbers = namesOf("m");
const problemNumbers = namesOf("p");
const plots = new Map(all(".picture").filter((picture) => dataOf(picture)).map((picture) => [picture, new (dataOf(picture).trials ? Trials : Plot)(picture)]));

const apply = () => {
  for (const kind of ["m", "p"]) {
    for (const element of all(`[data-${kind}]`)) element.classList.toggle(`off-${kind}`, hidden[kind].has(element.dataset[kind]));
    boxesOf(kind).forEach((box) => { box.checked = !hidden[kind].has(box.value); });
  }
  for (const key of all(".key[data-key]")) {
    const off = hidden.m.has(key.dataset.key);
    key.classList.toggle("dim", off);
    key.setAttribute("aria-pressed", String(!off));
  }
  const off = hidden.m.size + hidden.p.size;
  all(".chip").forEach((chip) => { chip.textContent = off ? `${off} hidden` : ""; });
};
const redrawAll = () => { plots.forEach((plot) => plot.refresh()); apply(); };
const hide = (kind, number, off) => { hidden[kind][off ? "add" : "delete"](number); };
const changed = () => { redrawAll(); remember(); };

const isolate = (number) => {
  const others = boxesOf("m").map(({ value }) => value).filter((value) => value !== number);
  const alone = others.every((value) => hidden.m.has(value));
  others.forEach((value) => hide("m", value, !alone));
  hide("m", number, false);
  changed();
};
const addLegend = (figure) => {
  all(".legend .key[data-m]", figure).forEach((key) => {
    const press = make("button", { type: "button", class: "key", "data-key": key.dataset.m, title: "Click hides or shows it, double-click shows it alone" });
    press.append(...key.childNodes);
    let before = [];
    press.addEventListener("click", (event) => {
      // A double click begins with a single one, which it takes back.
      if (event.detail > 1) return;
      before = [...hidden.m];
      hide("m", press.dataset.key, !hidden.m.has(press.dataset.key));
      changed();
    });
    press.addEventListener("dblclick", () => {
      hidden.m.clear();
      before.forEach((number) => hidden.m.add(number));
      isolate(press.dataset.key);
    });
    key.replaceWith(press);
  });
};

const addSwitches = (panel) => {
  for (const kind of ["m", "p"]) {
    const fieldset = one(`[data-kind=${kind}]`, panel);
    const boxes = boxesOf(kind);
    boxes.forEach((box) => box.addEventListener("change", () => { hide(kind, box.value, !box.checked); changed(); }));
    const every = (off) => () => { boxes.forEach((box) => hide(kind, box.value, off)); changed(); };
    const tools = make("p", { class: "tools" });
    const legend = one("legend", fieldset).textContent.toLowerCase();
    tools.append(button("all", `Show all ${legend}`, every(false)), button("none", `Show none of the ${legend}`, every(true)));
    fieldset.append(tools);
  }
  all("select", panel).forEach((choice) => choice.addEventListener("change", () => {
    chosen[choice.name] = choice.value;
    // Other axes have other limits.
    if (choice.name !== "theme") plots.forEach((plot) => { plot.view = null; });
    if (choice.name !== "theme") chosen.view = {};
    applyTheme();
    changed();
  }));
  const tools = make("p", { class: "tools" });
  const reset = button("Reset everything", "Reset everything", () => { restore(""); remember(); });
  const link = button("Copy link", "Copy link to what is chosen", async () => {
    try {
      await navigator.clipboard.writeText(location.href);
      say(link, "Copied");
    } catch {
      say(link, "See the address bar");
    }
  });
  tools.append(link, reset);
  panel.append(tools);
};
const applyTheme = () => {
  if (chosen.theme) document.documentElement.dataset.theme = chosen.theme;
  else delete document.documentElement.dataset.theme;
};

const addDrawer = (panel) => {
  const bar = one("nav .bar");
  const open = (shown) => {
    panel.hidden = !shown;
    document.body.classList.toggle("drawer", shown);
    press.setAttribute("aria-expanded", String(shown));
    if (shown) one("input, select, button", panel).focus();
    else if (panel.contains(document.activeElement) || document.activeElement === document.body) press.focus();
  };
  const press = make("button", { type: "button", "aria-expanded": "false", "aria-controls": panel.id }, "Choose ");
  press.append(make("span", { class: "chip" }));
  press.addEventListener("click", () => open(panel.hidden));
  panel.addEventListener("keydown", (event) => { if (event.key === "Escape") open(false); });
  panel.prepend(button("×", "Close", () => open(false)));
  panel.firstChild.className = "close";
  const theme = button("◐", "Switch between light and dark", () => {
    const dark = chosen.theme ? chosen.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    chosen.theme = dark ? "light" : "dark";
    applyTheme();
    remember();
  });
  bar.append(press, theme);
};

// What belongs to a method lights up everywhere while the pointer or the focus is on one of its parts.
const addBrush = () => {
  const light = (event) => {
    const target = event.target.closest?.(".key[data-key], tr[data-m], g[data-m], .picture[data-m]");
    const number = target ? target.dataset.key ?? target.dataset.m : null;
    if (number === light.last) return;
    light.last = number;
    all(".lit").forEach((element) => element.classList.remove("lit"));
    document.body.classList.toggle("brushing", number !== null);
    if (number !== null) all(`[data-m="${number}"], [data-key="${number}"]`).forEach((element) => element.classList.add("lit"));
  };
  light.last = null;
  document.addEventListener("pointerover", light);
  document.addEventListener("focusin", light);
};

// ---- the keyboard: one stop of the Tab key for each figure ------------------------------------------------------
const CONTROLS = "a[href], button, input, select";
const addKeys = (figure) => {
  const scroll = one(":scope > .scroll", figure);
  const stop = scroll || figure;
  const pictures = all(".picture", figure).filter((picture) => plots.has(picture));
  stop.tabIndex = 0;
  if (!scroll) {
    figure.setAttribute("role", "group");
    const reading = pictures.length ? " Arrow keys read values, Page Down goes to the next plot, plus and minus zoom." : "";
    figure.setAttribute("aria-label", `${one("figcaption .permalink", figure).textContent} ${one("figcaption b", figure)?.textContent || ""}${reading} Enter leads to its legend and tools.`);
  }
  const controls = () => all(CONTROLS, figure).filter((element) => element.offsetParent !== null);
  all(CONTROLS, figure).forEach((element) => { element.tabIndex = -1; });
  let current = 0;
  figure.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey) return;
    if (event.target === stop) {
      const shown = pictures.filter((picture) => !isHidden(picture));
      if (event.key === "Enter") controls()[0]?.focus();
      else if ((event.key === "PageDown" || event.key === "PageUp") && shown.length) {
        plots.get(shown[current % shown.length]).leave();
        current = (current + (event.key === "PageDown" ? 1 : shown.length - 1)) % shown.length;
        plots.get(shown[current]).key({ key: "Home" });
      } else if (!shown.length || !plots.get(shown[current % shown.length]).key(event)) return;
      event.preventDefault();
      return;
    }
    const writing = ["search", "range"].includes(event.target.type);
    const step = { ArrowDown: 1, ArrowUp: -1, ...(writing ? {} : { ArrowRight: 1, ArrowLeft: -1 }) }[event.target.type === "range" ? "" : event.key];
    const list = controls();
    if (event.key === "Escape") stop.focus();
    else if (step) list[(list.indexOf(event.target) + step + list.length) % list.length]?.focus();
    else return;
    event.preventDefault();
  });
  stop.addEventListener("blur", () => pictures.forEach((picture) => plots.get(picture).leave()));
};
