// Draws the figures of a page with plotly, in the page's own colours, and again when the reader's system changes them.
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const look = () => {
    const axis = { gridcolor: colour("--line"), zerolinecolor: colour("--line"), linecolor: colour("--line") };
    return { axis, layout: { paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: colour("--ink") } } };
  };
  const dressed = (layout) => {
    const { axis, layout: own } = look();
    const axes = Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key));
    const all = Object.fromEntries([...new Set(["xaxis", "yaxis", ...axes])].map((key) => [key, { ...axis, ...layout[key] }]));
    return { ...layout, ...all, ...own, font: { ...layout.font, ...own.font } };
  };
  const draw = (place) => {
    const figure = JSON.parse(document.getElementById(place.dataset.figure).textContent);
    const options = { displaylogo: false, responsive: true };
    Plotly.react(place, figure.data, dressed(figure.layout), options);
  };
  const drawAll = () => document.querySelectorAll("[data-figure]").forEach(draw);
  requestAnimationFrame(() => setTimeout(drawAll)); // after the page has been painted: plotly takes its time
  dark.addEventListener("change", drawAll);
})();
