// The timeline on a canvas: calls as boxes, the inner ones below the outer, in the colour of who owns them.
// Wheel: zoom; drag: move; double click: everything. Only what is visible is drawn, and no two boxes on one pixel.
(() => {
  const { start, length, depth, action, place, actions, places, jumps } = JSON.parse(document.getElementById("timeline-data").textContent);
  const canvas = document.getElementById("timeline"), tip = document.getElementById("timeline-tip"), range = document.getElementById("timeline-range");
  const ROW = 18, AXIS = 22, count = start.length;
  if (!count) return;
  for (let i = 1; i < count; i++) start[i] += start[i - 1]; // differences in the file, moments here
  let last = 0, deepest = 0;
  for (let i = 0; i < count; i++) { last = Math.max(last, start[i] + length[i]); deepest = Math.max(deepest, depth[i]); }
  const whole = [start[0], Math.max(last, start[0] + 1)];
  let [from, to] = whole, drag = null, hovered = -1;
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const UNITS = [[1e9, "s"], [1e6, "ms"], [1e3, "µs"], [1, "ns"]];
  const time = (ns) => { const [size, unit] = UNITS.find(([size]) => Math.abs(ns) >= size) || UNITS[3]; return `${+(ns / size).toPrecision(4)} ${unit}`; };
  const x = (ns) => ((ns - from) / (to - from)) * canvas.clientWidth;
  const step = (span) => { const raw = span / 8, ten = 10 ** Math.floor(Math.log10(raw)); return [1, 2, 5, 10].find((n) => n * ten >= raw) * ten; };
  const axis = (paint) => {
    const every = step(to - from);
    paint.fillStyle = css("--soft"); paint.strokeStyle = css("--line");
    for (let at = Math.ceil(from / every) * every; at <= to; at += every) {
      paint.fillRect(x(at), 0, 1, 6); paint.fillText(time(at), x(at) + 4, 13);
    }
  };
  const draw = () => {
    const ratio = devicePixelRatio || 1, width = canvas.clientWidth, height = AXIS + (deepest + 1) * ROW;
    canvas.style.height = `${height}px`; canvas.width = width * ratio; canvas.height = height * ratio;
    const paint = canvas.getContext("2d"); paint.scale(ratio, ratio); paint.font = "11px system-ui, sans-serif";
    axis(paint);
    const colours = Object.fromEntries(["callback", "module", "datamodule", "strategy", "loop"].map((kind) => [kind, css(`--${kind}`)]));
    const ink = css("--paper"), drawnTo = new Array(deepest + 1).fill(-1);
    for (let i = 0; i < count; i++) {
      const left = x(start[i]), right = x(start[i] + length[i]), row = depth[i];
      if (right < 0 || left > width || right <= drawnTo[row]) continue;
      const begin = Math.max(left, drawnTo[row], 0), size = Math.max(Math.min(right, width) - begin, 1), top = AXIS + row * ROW;
      paint.globalAlpha = i === hovered ? 1 : 0.8; paint.fillStyle = colours[actions[action[i]][1]];
      paint.fillRect(begin, top, size > 3 ? size - 1 : size, ROW - 2);
      drawnTo[row] = begin + size;
      if (size > 40) {
        paint.globalAlpha = 1; paint.fillStyle = ink; paint.save(); paint.beginPath(); paint.rect(begin, top, size - 4, ROW); paint.clip();
        paint.fillText(actions[action[i]][0], begin + 4, top + 12); paint.restore();
      }
    }
    range.textContent = `${time(from)} to ${time(to)} since the start of the run`;
    canvas.dataset.drawn = String(count);
    if (!canvas.dataset.drawnMs) canvas.dataset.drawnMs = String(Math.round(performance.now()));
  };
  let waiting = false;
  const later = () => { if (!waiting) { waiting = true; requestAnimationFrame(() => { waiting = false; draw(); }); } };
  const show = (a, b) => {
    const size = Math.min(Math.max(b - a, 100), whole[1] - whole[0]);
    from = Math.min(Math.max(a, whole[0]), whole[1] - size); to = from + size; later();
  };
  const at = (event) => {
    const box = canvas.getBoundingClientRect(), ns = from + ((event.clientX - box.left) / box.width) * (to - from);
    const row = Math.floor((event.clientY - box.top - AXIS) / ROW), slack = ((to - from) / box.width) * 1.5;
    for (let i = count - 1; i >= 0; i--) if (depth[i] === row && start[i] <= ns && ns <= start[i] + Math.max(length[i], slack)) return i;
    return -1;
  };
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const box = canvas.getBoundingClientRect(), share = (event.clientX - box.left) / box.width, centre = from + share * (to - from);
    const size = (to - from) * 1.2 ** Math.sign(event.deltaY); show(centre - share * size, centre + (1 - share) * size);
  }, { passive: false });
  canvas.addEventListener("pointerdown", (event) => { drag = [event.clientX, from, to]; canvas.setPointerCapture(event.pointerId); });
  canvas.addEventListener("pointerup", () => { drag = null; });
  canvas.addEventListener("dblclick", () => show(...whole));
  canvas.addEventListener("pointermove", (event) => {
    if (drag) { const moved = ((drag[0] - event.clientX) / canvas.clientWidth) * (drag[2] - drag[1]); show(drag[1] + moved, drag[2] + moved); return; }
    const found = at(event);
    if (found !== hovered) { hovered = found; later(); }
    tip.textContent = found < 0 ? "\u00a0" : `${actions[action[found]][0]} · ${time(length[found])} · at ${time(start[found])} · ${places[place[found]]}`;
  });
  for (const button of document.querySelectorAll("[data-jump]")) {
    const [a, b] = jumps[button.dataset.jump]; button.addEventListener("click", () => show(a, b));
  }
  addEventListener("resize", later);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", later);
  if (jumps.length) show(...jumps[0]); else draw();
  draw();
})();
