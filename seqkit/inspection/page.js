const dark = matchMedia('(prefers-color-scheme: dark)');
const mix = (a, b, p) => `rgb(${a.map((v, i) => Math.round(v + (b[i] - v) * p)).join(' ')})`;
const ends = () => dark.matches
  ? {zero: [30, 34, 42], warm: [255, 166, 77], cold: [92, 172, 250], full: [150, 215, 255]}
  : {zero: [247, 246, 243], warm: [184, 78, 0], cold: [10, 88, 168], full: [8, 62, 122]};
const colour = (v, signed) => { const e = ends();
  return signed ? mix(e.zero, v < 0 ? e.cold : e.warm, Math.abs(v)) : mix(e.zero, e.full, v); };
const tip = document.getElementById('tip');
function draw(figure) {
  const m = figure.map, canvas = figure.querySelector('canvas'), c = canvas.getContext('2d');
  const style = getComputedStyle(document.body), font = `11px ${style.fontFamily}`;
  c.font = font;
  const side = m.rowNames ? Math.ceil(Math.max(...m.rowNames.map(t => c.measureText(t).width))) + 8 : 0;
  const upright = m.columns.every(t => [...t].length < 2);
  const top = upright ? 18 : Math.min(110, Math.ceil(Math.max(...m.columns.map(t => c.measureText(t).width)))) + 8;
  const w = Math.max(14, Math.min(34, Math.floor((318 - side) / m.columns.length)));
  const rows = m.values.length, named = rows > 60 ? 12 : 18;
  const h = m.rowNames ? named : Math.max(5, Math.min(16, Math.floor(230 / rows)));
  const width = side + w * m.columns.length, height = top + h * m.values.length, ratio = devicePixelRatio || 1;
  canvas.width = width * ratio; canvas.height = height * ratio;
  canvas.style.width = width + 'px'; canvas.style.height = height + 'px';
  c.scale(ratio, ratio); c.font = font; c.fillStyle = style.color; c.textBaseline = 'middle';
  if (upright) { c.textAlign = 'center'; m.columns.forEach((t, i) => c.fillText(t, side + w * (i + .5), 9)); }
  else m.columns.forEach((t, i) => { c.save(); c.translate(side + w * (i + .5), top - 4); c.rotate(-Math.PI / 2);
    c.fillText(t, 0, 0, top - 6); c.restore(); });
  c.textAlign = 'start';
  if (m.rowNames) m.rowNames.forEach((t, i) => c.fillText(t, 0, top + h * (i + .5)));
  m.values.forEach((row, y) => row.forEach((v, x) => { c.fillStyle = colour(v / 1000, m.signed);
    c.fillRect(side + x * w, top + y * h, w - 1, h > 8 ? h - 1 : h); }));
  figure.at = (px, py) => { const x = Math.floor((px - side) / w), y = Math.floor((py - top) / h);
    return m.values[y] && m.values[y][x] !== undefined && px >= side ? [x, y] : null; };
  const stops = m.signed ? [-1, -.5, 0, .5, 1] : [0, .5, 1];
  figure.querySelector('.scale').style.background = `linear-gradient(90deg, ${stops.map(v => colour(v, m.signed))})`;
}
function show(figure, event) {
  const box = figure.querySelector('canvas').getBoundingClientRect(), m = figure.map;
  const cell = figure.at(event.clientX - box.left, event.clientY - box.top);
  if (!cell) { tip.style.display = 'none'; return; }
  const [x, y] = cell, value = (m.values[y][x] / 1000 * m.limit).toFixed(3);
  const row = m.rowNames ? m.rowNames[y] : `unit ${m.rows[y]}`;
  tip.textContent = `${row} · step ${x + 1} “${m.columns[x]}” · ${m.name} = ${value}`;
  tip.style.display = 'block';
  tip.style.left = Math.max(4, Math.min(event.clientX + 12, innerWidth - tip.offsetWidth - 6)) + 'px';
  tip.style.top = Math.max(4, event.clientY - tip.offsetHeight - 10) + 'px';
}
const figures = [...document.querySelectorAll('figure[data-map]')];
for (const figure of figures) {
  figure.map = MAPS[figure.dataset.map];
  const canvas = figure.querySelector('canvas');
  for (const kind of ['pointermove', 'pointerdown']) canvas.addEventListener(kind, e => show(figure, e));
  canvas.addEventListener('pointerleave', () => tip.style.display = 'none');
  draw(figure);
}
dark.addEventListener('change', () => figures.forEach(draw));
