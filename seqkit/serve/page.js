"use strict";

// The page of `seqkit serve`: asks the service that it comes from, and nobody else.

const $ = (id) => document.getElementById(id);
let runs = [];
let chosen = new Set();
let token = sessionStorage.getItem("seqkit.token") || "";
let asking = new AbortController();
let writing = null;
let timer = 0;

// Texts of others come in as text only: nothing here makes HTML of a string.
function make(tag, settings = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(settings)) {
    if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

async function ask(path, body, signal) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  if (body) headers["Content-Type"] = "application/json";
  const answer = await fetch(path, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body), signal });
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => ({ error: `the service answered ${answer.status}` }));
  throw Object.assign(new Error(said.error), { status: answer.status });
}

async function begin() {
  try {
    runs = (await (await ask("/runs")).json()).runs;
  } catch (error) {
    $("locked").hidden = error.status !== 401;
    if (error.status !== 401 || token) say(error.message);
    return;
  }
  $("locked").hidden = true;
  say("");
  chosen = new Set([runs[0].name]);
  $("choice").hidden = runs.length < 2;
  $("runs").replaceChildren(...runs.map(choiceOf));
  showInputs();
}

function choiceOf(run) {
  const box = make("input", { type: "checkbox", checked: chosen.has(run.name), value: run.name });
  box.addEventListener("change", () => choose(run, box.checked));
  return make("label", {}, box, make("span", {}, run.name === run.task ? run.name : `${run.name} (${run.task})`));
}

function choose(run, wanted) {
  const before = kindOf(selected()[0]);
  if (wanted) chosen.add(run.name);
  else if (chosen.size > 1) chosen.delete(run.name);
  const changed = kindOf(run) !== before;
  if (changed) chosen = new Set([run.name]);
  for (const box of $("runs").querySelectorAll("input")) box.checked = chosen.has(box.value);
  if (changed) showInputs();
  else {
    describe();
    update(0);
  }
}

const selected = () => runs.filter((run) => chosen.has(run.name));
const kindOf = (run) => (run.generates ? "prompt" : run.input === "words" ? "text" : `${run.input} ${run.names}`.trim());
const say = (text) => { $("problem").textContent = text; };

// Inputs: each kind has what people see, and `read`, which gives the values to ask for.
let read = () => [];

function showInputs() {
  const run = selected()[0];
  const kind = run.generates ? "prompt" : run.input;
  const built = (BUILD[kind] || BUILD.text)(run);
  read = built.read;
  $("inputs").replaceChildren(...built.nodes);
  $("asking").hidden = false;
  $("writing").hidden = !run.generates;
  $("answers").replaceChildren();
  describe();
  update(0);
}

function describe() {
  const run = selected()[0];
  $("about").textContent = run.generates
    ? "Type a text; the run continues it." : `${sentence(run.summary)}The answer comes as you type.`;
}

const sentence = (text) => (text ? `${text[0].toUpperCase()}${text.slice(1)}. ` : "");

function area(id, name, settings = {}) {
  const box = make("textarea", { id, spellcheck: false, ...settings });
  box.addEventListener("input", () => update(200));
  return [make("label", { htmlFor: id }, name), box];
}

const lines = (text) => text.split(/\r?\n/).filter((line) => line.trim());
// A table has a mark between its cells, of which some may be empty; other lines have blanks.
function cells(line) {
  const mark = ["\t", ";", ","].find((each) => line.includes(each));
  return (mark ? line.split(mark) : line.trim().split(/\s+/)).map((cell) => cell.trim().replace(/^"(.*)"$/, "$1"));
}

const isNumber = (cell) => cell === "" || Number.isFinite(Number(cell));

// The rows of a pasted table, null where a cell is empty; columns in any order where the first row names them.
function table(text, { names, frame_size: size }) {
  const rows = lines(text).map(cells);
  const header = rows.length && !rows[0].every(isNumber) ? rows.shift() : null;
  const missing = header && names.find((name) => !header.includes(name));
  if (missing) throw new Error(`The first row has no column ${missing}; this run reads ${names.join(", ")}.`);
  return rows.map((row, n) => {
    const place = `Row ${n + (header ? 2 : 1)} has`;
    const chosen = header && names.length ? names.map((name) => row[header.indexOf(name)] ?? "") : row;
    const wrong = chosen.find((cell) => !isNumber(cell));
    if (wrong !== undefined) throw new Error(`${place} “${wrong}”, which is no number.`);
    if (chosen.length !== size) throw new Error(`${place} ${chosen.length} numbers; this run reads ${size}.`);
    return chosen.map((cell) => (cell === "" ? null : Number(cell)));
  });
}

const BUILD = {
  text() {
    const [label, box] = area("text", "Text", { value: "" });
    const many = make("input", { type: "checkbox", id: "many" });
    many.addEventListener("change", () => update(0));
    const row = make("div", { className: "row" },
      make("label", {}, many, make("span", {}, "Each line is a separate text: paste a column of a table")));
    return { nodes: [label, box, row], read: () => (many.checked ? lines(box.value) : box.value.trim() ? [box.value] : []) };
  },
  prompt() {
    const [label, box] = area("prompt", "The text so far", { value: "" });
    return { nodes: [label, box], read: () => [box.value] };
  },
  pair() {
    const [one, first] = area("first", "First text");
    const [other, second] = area("second", "Second text");
    return {
      nodes: [one, first, other, second],
      read: () => (first.value.trim() && second.value.trim() ? [[first.value, second.value]] : []),
    };
  },
  numbers(run) {
    const name = `Rows of a table, each with ${run.names.length} numbers`;
    const hint = run.names.length > 12 ? "" : run.names.join(", ");
    const [label, box] = area("rows", name, { placeholder: hint });
    const rows = () => table(box.value, run);
    if (!run.grid) return { nodes: [label, box], read: rows };
    const board = drawing(run.grid);
    const more = make("details", {}, make("summary", {}, "Paste numbers instead"), label, box);
    return { nodes: [...board.nodes, more], read: () => (box.value.trim() ? rows() : board.read()) };
  },
  frames(run) {
    const size = run.frame_size;
    const named = run.names.length ? `: ${run.names.slice(0, 6).join(", ")}${run.names.length > 6 ? ", …" : ""}` : "";
    const [label, box] = area("frames", `A frame on each line, ${size} numbers${named}`, { rows: 8 });
    return { nodes: [label, box], read: () => {
      const rows = table(box.value, run);
      return rows.length ? [rows] : [];
    } };
  },
  picture() {
    let content = "";
    const shown = make("img", { alt: "The chosen picture", hidden: true });
    const file = make("input", { type: "file", id: "file", accept: "image/*" });
    const zone = make("div", { className: "drop" },
      make("label", { htmlFor: "file" }, "Drop a picture here, paste one, or choose a file"), file, shown);
    const take = (blob) => {
      if (!blob) return;
      const reader = new FileReader();
      reader.addEventListener("load", () => {
        content = reader.result;
        shown.src = content;
        shown.hidden = false;
        update(0);
      });
      reader.readAsDataURL(blob);
    };
    file.addEventListener("change", () => take(file.files[0]));
    zone.addEventListener("dragover", (event) => { event.preventDefault(); zone.classList.add("over"); });
    zone.addEventListener("dragleave", () => zone.classList.remove("over"));
    zone.addEventListener("drop", (event) => {
      event.preventDefault();
      zone.classList.remove("over");
      take(event.dataTransfer.files[0]);
    });
    document.onpaste = (event) => take([...event.clipboardData.files][0]);
    return { nodes: [zone], read: () => (content ? [content] : []) };
  },
};
BUILD.vectors = BUILD.frames;

// A board to draw on, with a finger, a mouse, or the arrow keys and the space bar.
function drawing({ side, most }) {
  const cells = new Array(side * side).fill(0);
  const board = make("canvas", { width: side, height: side, tabIndex: 0 });
  board.setAttribute("role", "application");
  board.setAttribute("aria-label", `A board of ${side} by ${side} to draw on: arrow keys move, the space bar draws`);
  const ink = board.getContext("2d");
  let at = { x: side >> 1, y: side >> 1 }, focused = false;
  const paint = () => {
    cells.forEach((value, n) => {
      const grey = Math.round((255 * value) / most);
      ink.fillStyle = `rgb(${grey} ${grey} ${grey})`;
      ink.fillRect(n % side, Math.floor(n / side), 1, 1);
    });
    if (focused) {
      ink.fillStyle = "rgb(245 160 76 / 60%)";
      ink.fillRect(at.x, at.y, 1, 1);
    }
  };
  const add = (x, y, amount) => {
    if (x < 0 || y < 0 || x >= side || y >= side) return;
    cells[y * side + x] = Math.min(most, Math.max(cells[y * side + x], amount));
  };
  const dab = (x, y) => {
    add(x, y, most);
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) add(x + dx, y + dy, most * 0.3);
    paint();
    update(150);
  };
  const draw = (event) => {
    if (!event.buttons) return;
    const box = board.getBoundingClientRect();
    dab(Math.floor(((event.clientX - box.left) / box.width) * side), Math.floor(((event.clientY - box.top) / box.height) * side));
  };
  board.addEventListener("pointerdown", draw);
  board.addEventListener("pointermove", draw);
  board.addEventListener("focus", () => { focused = board.matches(":focus-visible"); paint(); });
  board.addEventListener("blur", () => { focused = false; paint(); });
  board.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const move = moves[event.key];
    if (!move && event.key !== " ") return;
    event.preventDefault();
    focused = true;
    if (move) at = { x: (at.x + move[0] + side) % side, y: (at.y + move[1] + side) % side };
    else dab(at.x, at.y);
    paint();
  });
  const clear = make("button", { className: "quiet", type: "button" }, "Clear");
  clear.addEventListener("click", () => { cells.fill(0); paint(); update(0); });
  paint();
  return { nodes: [board, make("div", { className: "row" }, clear)], read: () => (cells.some(Boolean) ? [[...cells]] : []) };
}

// Answers

function update(wait) {
  clearTimeout(timer);
  timer = setTimeout(answer, wait);
}

async function answer() {
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  if (selected()[0].generates) return;
  try {
    const values = read();
    if (!values.length) {
      $("answers").replaceChildren();
      say("");
      return;
    }
    const cards = await Promise.all(selected().map((run) => cardOf(run, values, signal)));
    $("answers").replaceChildren(...cards);
    say("");
  } catch (error) {
    if (error.name !== "AbortError") say(error.message);
  }
}

async function cardOf(run, values, signal) {
  const path = `/runs/${encodeURIComponent(run.name)}`;
  const { answers } = await (await ask(`${path}/predict`, { inputs: values }, signal)).json();
  const card = make("section", {}, make("h2", {}, run.name));
  if (values.length > 1) {
    card.append(tableOf(values, answers));
    return card;
  }
  card.append(...(answers[0] ? answerOf(answers[0]) : [make("p", { className: "pale" }, "The input is empty.")]));
  if (run.explains && answers[0] && run.input !== "picture") {
    const inside = await ask(`${path}/explain`, { input: values[0] }, signal).then((found) => found.json()).catch((error) => {
      if (error.name === "AbortError") throw error;
      return null;
    });
    if (inside) card.append(...insideOf(inside));
  }
  return card;
}

const percent = (value) => `${(100 * value).toFixed(value > 0.1 ? 0 : 1)} %`;

function headlineOf(found) {
  for (const name of ["label", "translation", "phonemes", "caption", "text"]) if (found[name] !== undefined) return String(found[name]);
  if (Array.isArray(found.labels)) return found.labels.map((entry) => [].concat(entry).join("+") || "–").join(" ") || "none";
  if (found.tags) return found.words.map((word, n) => `${word}/${found.tags[n]}`).join(" ");
  const plain = Object.entries(found).filter(([, value]) => typeof value !== "object");
  return plain.map(([name, value]) => `${name} ${typeof value === "number" ? +value.toPrecision(4) : value}`).join(", ")
    || JSON.stringify(found);
}

function answerOf(found) {
  const said = headlineOf(found);
  const parts = [make("p", { className: said.length > 40 ? "said long" : "said" }, said)];
  if (found.tags) parts.splice(found.text ? 1 : 0, 1, tagged(found));
  if (found.labels && found.sure) parts.splice(0, 1, tagged({ words: found.labels, tags: found.sure.map(percent), sure: found.sure }));
  if (found.probabilities && !Array.isArray(found.probabilities)) parts.push(probabilitiesOf(found.probabilities));
  if (found.n_best) parts.push(make("ol", {}, ...found.n_best.map((one) => make("li", {}, headlineOf(one)))));
  const rest = Object.entries(found).filter(([name]) => !["label", "labels", "probabilities", "n_best", "words", "tags", "sure", "text", "caption"].includes(name));
  const shown = rest.filter(([, value]) => typeof value === "number");
  if (shown.length) parts.push(make("p", { className: "pale" }, shown.map(([name, value]) => `${name.replaceAll("_", " ")}: ${+value.toPrecision(4)}`).join(", ")));
  return parts;
}

function tagged({ words, tags, sure }) {
  const row = make("p", { className: "words" });
  words.forEach((word, n) => row.append(make("span", { title: `${tags[n]}: ${percent(sure[n])}` }, word, make("small", {}, tags[n])), " "));
  return row;
}

// Of one answer, or of the answer to each frame.
function probabilitiesOf(probabilities) {
  const [names, values] = [Object.keys(probabilities), Object.values(probabilities)];
  if (!Array.isArray(values[0])) return barsOf(probabilities);
  return heat(values[0].map((_, n) => n + 1), names, values, "Probability of each label, frame by frame");
}

function barsOf(probabilities) {
  const sorted = Object.entries(probabilities).sort((one, other) => other[1] - one[1]).slice(0, 12);
  return make("ul", { className: "bars" }, ...sorted.map(([label, value]) => {
    const bar = make("b");
    bar.style.width = `${100 * value}%`;
    const track = make("i", {}, bar);
    track.setAttribute("aria-hidden", "true");
    return make("li", {}, make("span", {}, label), track, make("em", {}, percent(value)));
  }));
}

function tableOf(values, answers) {
  const rows = answers.map((found, n) => {
    const best = found && found.probabilities && found.label !== undefined ? percent(found.probabilities[found.label]) : "";
    return make("tr", {}, make("td", { className: "text" }, [].concat(values[n]).join(" | ").slice(0, 200)),
      make("td", {}, found ? headlineOf(found) : "–"), make("td", { className: "number" }, best));
  });
  const head = make("tr", {}, ...["Input", "Answer", "Probability"].map((name) => make("th", { scope: "col" }, name)));
  return scrolled("Answers, one for each input", make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows)));
}

// What happens inside

const PLACES = {
  "encoder.recurrent": "encoder", "decoder.recurrent": "decoder", "encoder.pooling": "pooling of the encoder",
  "decoder.attention": "attention of the decoder", "decoder.recall": "recall of earlier steps",
};
const GATES = {
  i: "input gate", f: "forget gate", o: "output gate", z: "update gate", r: "reset gate", h: "output", c: "memory",
};

// A module in a reader's words; one without keeps its name.
function placeOf(name) {
  return PLACES[name] || name;
}

function insideOf(inside) {
  const parts = [];
  for (const [name, { steps, values }] of Object.entries(inside.influence)) {
    parts.push(make("h3", {}, `What contributed to the answer: ${placeOf(name)}`), influenceOf(steps, values),
      make("p", { className: "pale" }, "Orange supports the answer, blue opposes it: gradient × input."));
  }
  for (const { name, places, written, weights } of inside.attention) {
    parts.push(make("h3", {}, `Where it looked: ${placeOf(name)}`), heat(places, written, weights, `Attention of ${placeOf(name)}`));
  }
  const layers = inside.layers.map((layer) => {
    const rows = { ...layer.gates, ...layer.states };
    const way = layer.backward ? "reads backward" : "reads forward";
    const title = `${placeOf(layer.name)}, layer ${layer.layer + 1}, ${way} (${layer.cell})`;
    const largest = Math.max(...Object.values(rows).flat().map(Math.abs), 1e-9);
    const shares = Object.values(rows).map((row) => row.map((value) => Math.abs(value) / largest));
    const names = Object.keys(rows).map((name) => GATES[name] || name);
    return [make("h3", {}, title), heat(layer.steps, names, Object.values(rows), `Gates of ${title}`, shares)];
  }).flat();
  if (layers.length) {
    parts.push(make("details", {}, make("summary", {}, "Gates and states, averages over the units"), ...layers));
  }
  return parts;
}

function signed(value, places) {
  return Math.abs(value) < 0.5 * 10 ** -places ? "0" : (value > 0 ? "+" : "−") + Math.abs(value).toFixed(places);
}

const plain = (value) => (Math.abs(value) < 0.005 ? "0" : value.toFixed(2).replace("-", "−"));

function influenceOf(steps, values) {
  const most = Math.max(...values.map(Math.abs), 1e-9);
  const places = Math.min(6, Math.max(2, 1 - Math.floor(Math.log10(most))));
  const row = make("p", { className: "words" });
  steps.forEach((step, n) => {
    const word = make("span", { className: values[n] >= 0 ? "for" : "against" }, step, make("small", {}, signed(values[n], places)));
    word.style.setProperty("--share", Math.abs(values[n]) / most);
    row.append(word);
  });
  return row;
}

function heat(columns, rows, values, caption, shares = values) {
  const head = make("tr", {}, make("td"), ...columns.map((name) => make("th", { scope: "col" }, String(name))));
  const body = values.map((row, r) => {
    const name = rows[r] ?? "";
    return make("tr", {}, make("th", { scope: "row", title: name }, name), ...row.map((value, c) => {
      const cell = make("td", {}, plain(value));
      cell.style.setProperty("--share", Math.min(1, shares[r][c]));
      return cell;
    }));
  });
  return scrolled(caption, make("table", { className: "heat" }, make("thead", {}, head), make("tbody", {}, ...body)));
}

// A table wider than the page is scrolled, by keyboard too.
function scrolled(caption, table) {
  const box = make("div", { className: "wide", tabIndex: 0 }, table);
  box.setAttribute("role", "region");
  box.setAttribute("aria-label", caption);
  return box;
}

// Writing on

async function write() {
  if (writing) writing.abort();
  writing = new AbortController();
  const { signal } = writing;
  const settings = {};
  for (const name of ["temperature", "top_k", "top_p", "length", "seed"]) settings[name] = Number($(name).value);
  $("stop").disabled = false;
  say("");
  try {
    await Promise.all(selected().map((run, n) => writeOne(run, n, settings, signal)));
  } catch (error) {
    if (error.name !== "AbortError") say(error.message);
  }
  if (signal === writing.signal) $("stop").disabled = true;
}

async function writeOne(run, number, settings, signal) {
  const prompt = read()[0];
  const text = make("pre", { className: "text", tabIndex: 0 }, make("b", {}, prompt));
  const card = make("section", {}, make("h2", {}, run.name), text);
  if (number === 0) $("answers").replaceChildren();
  $("answers").append(card);
  // A screen reader hears the whole text once, not each letter.
  card.setAttribute("aria-busy", "true");
  const found = await ask(`/runs/${encodeURIComponent(run.name)}/generate`, { prompt, ...settings }, signal);
  const reader = found.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    held += value;
    const events = held.split("\n\n");
    held = events.pop();
    for (const event of events) take(event, text, card);
  }
  card.setAttribute("aria-busy", "false");
}

function take(event, text, card) {
  const data = JSON.parse(event.slice(event.indexOf("data: ") + 6));
  if (event.startsWith("event: done")) data.notes.forEach((note) => card.append(make("p", { className: "pale" }, note)));
  else text.append(data.text);
}

$("write").addEventListener("click", write);
$("stop").addEventListener("click", () => writing && writing.abort());
$("temperature").addEventListener("input", () => { $("temperature-shown").textContent = Number($("temperature").value).toFixed(2); });
$("unlock").addEventListener("submit", (event) => {
  event.preventDefault();
  token = $("token").value;
  sessionStorage.setItem("seqkit.token", token);
  begin();
});
begin();
