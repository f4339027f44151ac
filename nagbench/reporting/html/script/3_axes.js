// ---- axes of a plot: scales, ticks, labels ----------------------------------------------------------------------
const transforms = { linear: (value) => value, log: Math.log10 };
const inverses = { linear: (value) => value, log: (value) => 10 ** value };
const scaleOf = ({ scale, limits }, from, to) => {
  const transform = transforms[scale];
  const low = transform(limits[0]);
  const factor = (to - from) / (transform(limits[1]) - low);
  return (value) => from + factor * (transform(value) - low);
};
// The value at a place, the inverse of `scaleOf`.
const valueAt = ({ scale, limits }, from, to, place) => {
  const [low, high] = limits.map(transforms[scale]);
  return inverses[scale](low + ((high - low) * (place - from)) / (to - from));
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
  for (let k = Math.ceil(low / step); k * step <= high * (1 + 1e-12) && ticks.length < 20; k += 1) ticks.push(k * step);
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
const formatValue = (value) => tidySigns(String(Number.isInteger(value) ? value.toLocaleString("en") : +value.toPrecision(4)));
