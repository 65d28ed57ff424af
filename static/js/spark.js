// The drawings of practice/web/drawing.py, live: the same geometry into an <svg> that is already in the page.

const SVG = "http://www.w3.org/2000/svg";
const MINUS = "\u2212";
const NOTHING = "–";

/** Write a number with `digits` decimals, a true minus, and "–" where it is not known. */
export function formatNumber(value, digits = 1) {
  if (value === null || value === undefined || !Number.isFinite(Number(value))) return NOTHING;
  return Number(value).toFixed(digits).replace("-", MINUS);
}

function part(svg, name, className) {
  let element = svg.querySelector(`.${className}`);
  if (!element) {
    element = document.createElementNS(SVG, name);
    element.setAttribute("class", className);
    svg.append(element);
  }
  return element;
}

/** Draw `values` from left to right into an svg.spark; the newest is marked. `points` fixes the length of the axis. */
export function drawSpark(svg, values, { threshold = null, min = null, max = null, points = null } = {}) {
  const known = values.filter((value) => Number.isFinite(value));
  const extremes = threshold === null ? known : [...known, threshold];
  const bottom = min ?? Math.min(...extremes, Infinity);
  const top = max ?? Math.max(...extremes, -Infinity);
  const span = top - bottom || 1;
  const y = (value) => (22 - (20 * (Math.min(Math.max(value, bottom), top) - bottom)) / span).toFixed(2);
  const step = 100 / Math.max((points ?? known.length) - 1, 1);
  if (threshold !== null) {
    part(svg, "path", "threshold").setAttribute("d", `M0 ${y(threshold)}H100`);
  }
  const path = known.map((value, i) => `${(i * step).toFixed(2)},${y(value)}`).join(" ");
  part(svg, "polyline", "line").setAttribute("points", path);
  const end = known.length ? `M${((known.length - 1) * step).toFixed(2)} ${y(known.at(-1))}h0` : "";
  part(svg, "path", "end").setAttribute("d", end);
}

/** Where `value` lies on the axis of the bins, 0..100. */
export function place(value, centres) {
  const width = 100 / centres.length;
  if (value <= centres[0]) return width / 2;
  for (let i = 0; i + 1 < centres.length; i += 1) {
    const [left, right] = [centres[i], centres[i + 1]];
    if (value <= right) return width * (i + 0.5 + (right > left ? (value - left) / (right - left) : 0));
  }
  return 100 - width / 2;
}

/** Draw P(steps-to-go) `probs` (bins) into an svg.dist, with rules at the mean and at the threshold s, in steps. */
export function drawDistribution(svg, probs, { centres = null, mean = null, threshold = null } = {}) {
  const peak = Math.max(...probs, 0) || 1;
  const width = 100 / Math.max(probs.length, 1);
  const bars = probs.map((p, i) => {
    const height = (44 * p) / peak;
    return `M${(i * width + 0.1 * width).toFixed(2)} 48v${(-height).toFixed(2)}h${(0.8 * width).toFixed(2)}V48z`;
  });
  part(svg, "path", "bar").setAttribute("d", bars.join(""));
  const places = centres?.length === probs.length ? centres : probs.map((_, i) => i);
  for (const [name, at] of [["threshold", threshold], ["mean", mean]]) {
    const shown = at !== null && probs.length > 0;
    part(svg, "path", name).setAttribute("d", shown ? `M${place(at, places).toFixed(2)} 2V48` : "");
  }
  part(svg, "path", "axis").setAttribute("d", "M0 48.5H100");
}
