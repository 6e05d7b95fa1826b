// Answers as people look at them: text, labels with their scores, words coloured by what they did,
// where a caption looked, which words a translation is from, belief over time, sound. What is
// unknown is JSON.
import { fromBase64 } from "./widgets.js";

const make = (tag, text = "", properties = {}) =>
  Object.assign(document.createElement(tag), { textContent: text }, properties);

export function draw(target, outputs, inputs, widgets) {
  const left = new Map(Object.entries(outputs).map(([name, value]) => [name, row(value)]));
  const take = (name) => {
    const value = left.get(name);
    left.delete(name);
    return value;
  };
  if (left.get("caption") === "")
    target.append(make("p", "The image could not be read.", { className: "text" }));
  const label = left.get("label");
  if (label === "") {
    left.delete("label");
    target.append(make("p", "The input could not be used.", { className: "text" }));
  }
  const threshold = left.has("confidence") ? take("threshold") : undefined;
  const unsure = left.get("confidence") < threshold ? " (unsure)" : "";
  for (const name of ["caption", "translation", "label", "text"])
    if (left.get(name))
      target.append(make("p", take(name) + unsure, { className: "text" }));
  for (const name of ["score", "confidence"]) if (left.has(name)) target.append(meter(name, take(name)));
  if (left.has("source_pieces"))
    target.append(alignment(take("source_pieces"), take("target_pieces"), take("attention")));
  if (left.has("contributions")) target.append(...coloured(take("words"), take("contributions")));
  if (left.has("words") && left.has("attention") && widgets.image_bytes)
    target.append(looked(take("words"), take("attention"), widgets.image_bytes.url));
  if (left.has("beliefs") && label)
    target.append(...believed(take("beliefs"), take("shares"), label));
  for (const [name, value] of left)
    if (name.endsWith("_bytes") && value?.b64) target.append(sound(take(name)));
  for (const [name, value] of left) target.append(make("h2", name), make("pre", JSON.stringify(value)));
}

// The page asks for one row at a time; scalars stay.
const row = (value) => (Array.isArray(value) ? value[0] : value);

function meter(name, value) {
  const line = make("p", `${name} ${value.toFixed(3)} `);
  line.append(make("meter", "", { value, min: 0, max: 1, ariaLabel: name }));
  return line;
}

function sound(value) {
  return make("audio", "", { controls: true, src: URL.createObjectURL(fromBase64(value.b64)) });
}

function coloured(words, contributions) {
  const most = Math.max(...contributions.map(Math.abs), 1e-9);
  const line = make("p");
  words.forEach((word, i) => {
    if (!word) return;
    const colour = contributions[i] > 0 ? "var(--other)" : "var(--mark)";
    const span = make("span", word, { className: "word", title: contributions[i].toFixed(2) });
    span.style.background = `rgba(${colour}, ${(0.8 * Math.abs(contributions[i])) / most})`;
    line.append(span, " ");
  });
  const key = make("p", "Blue words speak for it, orange ones against it.", { className: "quiet" });
  return [line, key];
}

const shown = (piece) => piece.replaceAll("▁", " ").trim() || "␣";

function alignment(source, target, weights) {
  const table = make("table");
  table.append(make("caption", "Where each piece of the translation looked."));
  const columns = source.filter((piece) => piece !== "");
  const head = make("tr");
  head.append(make("td"), ...columns.map((piece) => make("th", shown(piece), { className: "up" })));
  table.append(head);
  target.forEach((piece, i) => {
    if (piece === "") return;
    const line = make("tr");
    line.append(make("th", shown(piece)));
    columns.forEach((from, j) => {
      const title = `${shown(piece)} looked at ${shown(from)}: ${weights[i][j].toFixed(2)}`;
      const cell = make("td", "", { className: "cell", title });
      cell.style.background = `rgba(var(--other), ${weights[i][j]})`;
      line.append(cell);
    });
    table.append(line);
  });
  return table;
}

// A line for each label: its probability once a share of the input was seen.
function believed(beliefs, shares, label) {
  const svg = (tag, properties) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(properties)) element.setAttribute(name, value);
    return element;
  };
  const last = beliefs.at(-1);
  const best = last.indexOf(Math.max(...last));
  const ariaLabel = `belief in ${label} over time`;
  const drawing = svg("svg", { class: "belief", viewBox: "0 0 300 100", role: "img", "aria-label": ariaLabel });
  last.forEach((_, i) => {
    const points = shares.map((share, t) => `${300 * share},${100 - 100 * beliefs[t][i]}`).join(" ");
    drawing.append(svg("polyline", { points, class: i === best ? "best" : "" }));
  });
  const text = `The orange line is the probability of ${label} once so much of the input was seen, from the left to the right.`;
  return [drawing, make("p", text, { className: "quiet" })];
}

function looked(words, attention, url) {
  const place = make("div");
  const frame = make("div", "", { className: "looked" });
  const canvas = make("canvas");
  frame.append(make("img", "", { src: url, alt: "", className: "picture" }), canvas);
  const line = make("p", "Where it looked for ");
  words.forEach((word, i) => {
    if (!word) return;
    const button = make("button", word, { type: "button", className: "word" });
    for (const kind of ["mouseenter", "focus", "click"])
      button.addEventListener(kind, () => heat(canvas, attention[i]));
    line.append(button);
  });
  place.append(line, frame);
  return place;
}

function heat(canvas, grid) {
  [canvas.width, canvas.height] = [grid[0].length, grid.length];
  const most = Math.max(...grid.flat(), 1e-9);
  const brush = canvas.getContext("2d");
  brush.clearRect(0, 0, canvas.width, canvas.height);
  grid.forEach((cells, y) =>
    cells.forEach((weight, x) => {
      brush.fillStyle = `rgba(245, 130, 32, ${(0.75 * weight) / most})`;
      brush.fillRect(x, y, 1, 1);
    }),
  );
}
