// One page for all models: what they take and give is read from their own signatures, over
// TF Serving's REST interface alone, so that the page works in front of any server of it:
// ?server=http://HOST:PORT&models=NAME,NAME
import { draw } from "./draw.js";
import { Stopped, stream, streams } from "./stream.js";
import { widget } from "./widgets.js";

const parameters = new URLSearchParams(location.search);
const server = (parameters.get("server") ?? new URL(".", location.href).href).replace(/\/$/, "");
const find = (id) => document.getElementById(id);
const state = { model: "", signatures: {}, widgets: {}, examples: {}, stop: null };

async function asJson(path, body) {
  const options = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  let answer;
  try {
    answer = await fetch(server + path, { ...options, signal: state.stop?.signal });
  } catch (error) {
    throw error.name === "AbortError" ? new Stopped() : new Error(`${server} does not answer.`);
  }
  const text = await answer.text();
  let found;
  try {
    found = JSON.parse(text);
  } catch {
    throw new Error(`${server} answers ${answer.status}, and no JSON.`);
  }
  if (!answer.ok) throw new Error(found.error ?? `${server} answers ${answer.status}.`);
  return found;
}

async function predict(signature, inputs) {
  const body = { signature_name: signature, inputs };
  const { outputs } = await asJson(`/v1/models/${state.model}:predict`, body);
  const names = Object.keys(state.signatures[signature].outputs);
  return names.length === 1 ? { [names[0]]: outputs } : outputs;
}

async function names() {
  if (parameters.get("models")) return parameters.get("models").split(",");
  const described = await asJson("/openapi.json");
  for (const [path, { post }] of Object.entries(described.paths)) {
    const name = path.match(/models\/(.*):predict/)[1];
    state.examples[name] = post.requestBody.content["application/json"].examples ?? {};
  }
  return Object.keys(state.examples);
}

async function choose(name) {
  state.wanted = name;
  const { metadata } = await asJson(`/v1/models/${name}/metadata`);
  if (state.wanted !== name) return; // another model was chosen while this one's answer was on its way
  const found = metadata.signature_def.signature_def;
  const kept = Object.entries(found).filter(
    ([, one]) => one.method_name && Object.keys(one.inputs).length,
  );
  state.model = name;
  state.signatures = Object.fromEntries(kept);
  for (const button of find("models").children)
    button.setAttribute("aria-current", button.textContent === name);
  const order = Object.keys(state.signatures).sort(
    (a, b) => (b === "serving_default") - (a === "serving_default"),
  );
  find("signature").replaceChildren(...order.map((key) => new Option(key)));
  find("form").hidden = false;
  showInputs();
}

function showInputs() {
  const name = find("signature").value;
  const inputs = Object.entries(state.signatures[name].inputs);
  state.widgets = Object.fromEntries(inputs.map(([key, info]) => [key, widget(key, info)]));
  find("inputs").replaceChildren(...Object.values(state.widgets).map((one) => one.element));
  find("answer").replaceChildren();
  find("same").hidden = true;
  tell("");
  find("example").hidden = !state.examples[state.model]?.[name];
}

function tell(message) {
  find("error").textContent = message;
}

async function ask(event) {
  event.preventDefault();
  tell("");
  state.stop = new AbortController();
  find("ask").disabled = true;
  find("stop").hidden = false;
  try {
    const inputs = {};
    for (const [key, one] of Object.entries(state.widgets)) inputs[key] = await one.value();
    await answer(find("signature").value, inputs);
  } catch (error) {
    if (!(error instanceof Stopped)) tell(error.message);
  } finally {
    find("ask").disabled = false;
    find("stop").hidden = true;
  }
}

async function answer(signature, inputs) {
  showSame(signature, inputs);
  const target = find("answer");
  target.replaceChildren();
  const start = performance.now();
  if (signature === "serving_default" && streams(state.signatures, inputs)) {
    await stream(predict, state.signatures, inputs, target, state.stop.signal);
  } else {
    const outputs = await predict(signature, inputs);
    const more = signature === "serving_default" ? await explanation(inputs) : {};
    draw(target, { ...more, ...outputs }, inputs, state.widgets);
  }
  const line = document.createElement("p");
  line.className = "quiet";
  line.textContent = `${Math.round(performance.now() - start)} ms`;
  target.append(line);
}

// What another signature of the same inputs adds: where the model looked, what each word did, what
// it believed as time went on.
async function explanation(inputs) {
  const name = ["attention", "words", "belief"].find((key) => state.signatures[key]);
  if (!name) return {};
  const takes = Object.keys(state.signatures[name].inputs).sort().join();
  return takes === Object.keys(inputs).sort().join() ? predict(name, inputs) : {};
}

function showSame(signature, inputs) {
  const short = JSON.stringify(inputs, (key, value) =>
    key === "b64" && value.length > 80 ? "... base64 of the file ..." : value,
  );
  const named = signature === "serving_default" ? "" : `"signature_name": "${signature}", `;
  const body = `{${named}"inputs": ${short}}`;
  const url = `${server}/v1/models/${state.model}:predict`;
  find("curl").textContent = `curl -d '${body.replaceAll("'", "'\\''")}' ${url}`;
  const given = Object.entries(inputs).map(([key, value]) => `${key}=${asPython(value)}`);
  const chosen = signature === "serving_default" ? "" : `, signature="${signature}"`;
  find("python").textContent =
    `import pipelines\n\nmodel = pipelines.load("${state.model}"${chosen})\n` +
    `model(${given.join(", ")})`;
  find("same").hidden = false;
}

function asPython(value) {
  const holds = (part) => part && typeof part === "object" && "b64" in part;
  if (Array.isArray(value) && value.some(holds)) return '"the file\'s path"';
  return JSON.stringify(value);
}

function example() {
  const name = find("signature").value;
  const { inputs } = Object.values(state.examples[state.model])
    .map((one) => one.value)
    .find((one) => (one.signature_name ?? "serving_default") === name);
  const given = state.widgets;
  const single = Object.keys(given).length === 1 && Array.isArray(inputs);
  for (const [key, one] of Object.entries(given)) one.set(single ? inputs : inputs[key]);
}

async function begin() {
  find("where").textContent = `Answers come from ${server}`;
  find("signature").addEventListener("change", showInputs);
  find("form").addEventListener("submit", ask);
  find("stop").addEventListener("click", () => state.stop.abort());
  find("example").addEventListener("click", example);
  try {
    const found = await names();
    const buttons = found.map((name) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = name;
      button.addEventListener("click", () => {
        state.stop?.abort();
        state.stop = null;
        choose(name).catch((error) => tell(error.message));
      });
      return button;
    });
    find("models").replaceChildren(...buttons);
    if (found.length) await choose(found[0]);
    else tell("No model is served.");
  } catch (error) {
    tell(error.message);
  }
}

begin();
