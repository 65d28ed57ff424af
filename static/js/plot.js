// Plotly figures in our colours. The figure is JSON from Python ({data, layout}); colours in it are written "var(--ch-1)", or
// "var(--ch-1)/0.2" with an opacity, and are resolved against the tokens of the theme that is on.
//   <div class="plot" data-plot="figure-id"></div>  with {{ figure|json_script:"figure-id" }}
//   <div class="plot" data-plot-url="/runs/3/curves.json" data-plot-every="5"></div>
//   draw(element, figure), refresh(element)

const CONFIG = { displayModeBar: false, responsive: true, displaylogo: false, showTips: false, doubleClick: "reset" };
const COLOUR = /^var\((--[\w-]+)\)(?:\/([\d.]+))?$/;
const figures = new Map();
const timers = new Map();

/** The colour a token has now, as rgb() or rgba(). */
export function token(name, opacity = 1) {
  const probe = document.createElement("i");
  probe.hidden = true;
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return opacity === 1 ? colour : colour.replace(/^rgba?\(([^)]+?)\)$/, (_, parts) => `rgba(${parts.split(",").slice(0, 3)}, ${opacity})`);
}

function resolved(value) {
  if (typeof value === "string") {
    const match = COLOUR.exec(value);
    return match ? token(match[1], match[2] ? Number(match[2]) : 1) : value;
  }
  if (Array.isArray(value)) return value.map(resolved);
  if (value && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, resolved(each)]));
  }
  return value;
}

function template() {
  const axis = {
    gridcolor: "var(--line)",
    linecolor: "var(--line-strong)",
    zerolinecolor: "var(--line-strong)",
    ticks: "outside",
    ticklen: 4,
    tickcolor: "var(--line-strong)",
    tickfont: { color: "var(--ink-2)" },
    title: { font: { color: "var(--ink-2)", size: 12 }, standoff: 8 },
    zeroline: false,
    automargin: true,
  };
  return resolved({
    layout: {
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      colorway: ["var(--ch-1)", "var(--ch-2)", "var(--ch-3)", "var(--ch-4)", "var(--ch-5)", "var(--ch-6)"],
      font: { family: getComputedStyle(document.body).fontFamily, size: 11.5, color: "var(--ink)" },
      margin: { l: 48, r: 12, t: 12, b: 36 },
      xaxis: axis,
      yaxis: axis,
      hovermode: "x unified",
      hoverlabel: { bgcolor: "var(--raised)", bordercolor: "var(--line-strong)", font: { color: "var(--ink)" } },
      legend: { orientation: "h", traceorder: "normal", x: 0, y: 1.02, yanchor: "bottom", font: { color: "var(--ink-2)" } },
      transition: { duration: 0 },
    },
    data: { scatter: [{ line: { width: 1.5 } }], bar: [{ marker: { line: { width: 0 } } }] },
  });
}

/** Draw `figure` into `element`, or update what is drawn there: zoom and hidden traces are kept. */
export async function draw(element, figure) {
  figures.set(element, figure);
  const layout = { uirevision: "kept", ...resolved(figure.layout ?? {}), template: template(), autosize: true };
  const empty = !(figure.data ?? []).some((trace) => trace.x?.length !== 0 || trace.y?.length !== 0);
  element.toggleAttribute("data-empty", empty);
  element.closest("[data-optional=yes]")?.toggleAttribute("hidden", empty);
  if (empty) element.dataset.empty = element.dataset.plotEmpty ?? "No points yet";
  await window.Plotly.react(element, resolved(figure.data ?? []), layout, CONFIG);
}

/** Fetch `data-plot-url` again and draw it. A failed fetch leaves the drawing as it is. */
export async function refresh(element) {
  const response = await fetch(element.dataset.plotUrl, { headers: { Accept: "application/json" } });
  if (!response.ok) return;
  await draw(element, await response.json());
}

function keepFresh(element) {
  const seconds = Number(element.dataset.plotEvery);
  if (!seconds || timers.has(element)) return;
  const timer = setInterval(() => {
    if (!element.isConnected) forget(element);
    else if (!document.hidden) refresh(element).catch(() => undefined); // the next round tries again
  }, 1000 * seconds);
  timers.set(element, timer);
}

function forget(element) {
  clearInterval(timers.get(element));
  timers.delete(element);
  figures.delete(element);
  window.Plotly?.purge(element);
}

/** Draw every plot under `root` that is not drawn yet. */
export function drawAll(root = document) {
  if (!window.Plotly) return;
  for (const element of root.querySelectorAll("[data-plot], [data-plot-url]")) {
    if (figures.has(element)) continue;
    const source = element.dataset.plot && document.getElementById(element.dataset.plot);
    if (source) draw(element, JSON.parse(source.textContent));
    if (element.dataset.plotUrl) {
      if (!source) refresh(element).catch(() => undefined);
      keepFresh(element);
    }
  }
}

/** Start listening; app.js calls it once. */
export function start() {
  drawAll();
  document.addEventListener("htmx:load", (event) => drawAll(event.target));
  document.addEventListener("efm:theme", () => {
    for (const [element, figure] of figures) {
      if (element.isConnected) draw(element, figure);
      else forget(element);
    }
  });
}
