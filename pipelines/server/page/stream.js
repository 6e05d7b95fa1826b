// A text that is written piece by piece, by the signatures `step`, `read` and `write` of a character
// model: each request goes on from the state of the last one, and the text is that of one request.

export class Stopped extends Error {}

const PIECE = 16; // characters a request

export const streams = (signatures, inputs) =>
  "prompt" in inputs && ["step", "read", "write"].every((name) => name in signatures);

export async function stream(predict, signatures, inputs, target, signal) {
  const { prompt, length, temperature, seed } = inputs;
  const shown = document.createElement("p");
  shown.className = "text";
  shown.textContent = prompt[0];
  target.append(shown);
  const size = Number(signatures.step.inputs.state.tensor_shape.dim[1].size);
  let { state } = await predict("step", { character: [""], state: [Array(size).fill(0)] });
  ({ state } = await predict("read", { text: prompt, state }));
  for (let place = 0; place < length && !signal.aborted; place += PIECE) {
    const more = Math.min(PIECE, length - place);
    const asked = { state, length: more, temperature, top_k: 0, top_p: 1, seed, place };
    const written = await predict("write", asked);
    state = written.state;
    shown.textContent += written.text[0];
  }
}
