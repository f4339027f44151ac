// ---- elements, data and files -----------------------------------------------------------------------------------
const SVG = "http://www.w3.org/2000/svg";
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const one = (selector, root = document) => root.querySelector(selector);
const fill = (element, attributes, text) => {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text) element.textContent = text;
  return element;
};
const make = (tag, attributes = {}, text = "") => fill(document.createElement(tag), attributes, text);
const draw = (tag, attributes, text = "") => fill(document.createElementNS(SVG, tag), attributes, text);
const dataOf = (element) => {
  const script = one(":scope > script", element);
  return script && JSON.parse(script.textContent);
};
const button = (text, label, act) => {
  const made = make("button", { type: "button", "aria-label": label }, text);
  made.addEventListener("click", act);
  return made;
};
const toolsOf = (figure) => {
  let tools = one(":scope > .tools:not(.stepper)", figure);
  if (!tools) {
    tools = make("p", { class: "tools" });
    one("figcaption", figure).after(tools);
  }
  return tools;
};
const say = (element, text) => {
  const before = element.textContent;
  element.textContent = text;
  setTimeout(() => { element.textContent = before; }, 1500);
};

const save = (name, blob) => {
  const link = make("a", { download: name, href: URL.createObjectURL(blob) });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
};
const saveText = (name, kind, text) => save(name, new Blob([text], { type: kind }));
const field = (value) => {
  const plain = value === null || value === undefined ? "" : String(value);
  // A spreadsheet would run a name that begins like a formula.
  const text = /^[=+\-@\t\r]/.test(plain) && Number.isNaN(Number(plain)) ? `'${plain}` : plain;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};
const csv = (head, rows) => [head, ...rows].map((row) => row.map(field).join(",") + "\n").join("");

// What is chosen on the page; the address holds all of it, see 9_address.js.
const hidden = { m: new Set(), p: new Set() };
const chosen = { along: "0", x: "", y: "", theme: "", step: {}, sort: {}, find: {}, view: {}, fold: {}, large: new Set() };
const isHidden = (element) => Boolean(element.closest(".off-m, .off-p, .off-f"));
