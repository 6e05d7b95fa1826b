// A widget for each input of a signature, by its name and type: files, text, numbers, arrays.
// Each is {element, value(), set(value)}: value() is what the request has in its place.

const KINDS = { image: "image/*", audio: "audio/*", clip: "image/gif" };

export function widget(name, info) {
  const rank = info.tensor_shape.dim?.length ?? 0;
  if (name.endsWith("_bytes")) return fileWidget(name.slice(0, -"_bytes".length));
  if (info.dtype === "DT_STRING" && rank === 1) return textWidget(name);
  if (rank === 0) return numberWidget(name, info.dtype);
  return arrayWidget(name, info);
}

function labelled(name, field) {
  const label = document.createElement("label");
  label.append(`${name} `, field);
  return label;
}

function textWidget(name) {
  const field = document.createElement("textarea");
  field.name = name;
  return {
    element: labelled(name, field),
    value: () => [field.value],
    set: (value) => (field.value = value[0]),
  };
}

const DEFAULTS = { length: 200, temperature: 0.8, top_p: 1 };

function numberWidget(name, dtype) {
  const field = document.createElement("input");
  field.name = name;
  field.type = "number";
  field.step = dtype === "DT_FLOAT" ? "any" : "1";
  field.value = DEFAULTS[name] ?? 0;
  return {
    element: labelled(name, field),
    value: () => {
      if (field.value === "") throw new Error(`${name} must be a number.`);
      return Number(field.value);
    },
    set: (value) => (field.value = value),
  };
}

function arrayWidget(name, info) {
  const shape = info.tensor_shape.dim.map((one) => (one.size === "-1" ? "any" : one.size));
  const field = document.createElement("textarea");
  field.name = name;
  return {
    element: labelled(`${name}: JSON of shape ${shape.join(" x ")}`, field),
    value: () => {
      try {
        return JSON.parse(field.value);
      } catch {
        throw new Error(`${name} must be JSON: nested lists of shape ${shape.join(" x ")}.`);
      }
    },
    set: (value) => (field.value = JSON.stringify(value)),
  };
}

function fileWidget(kind) {
  const element = document.createElement("div");
  element.className = "drop";
  const field = document.createElement("input");
  field.type = "file";
  field.accept = KINDS[kind] ?? "";
  const shown = document.createElement("div");
  element.append(labelled(`${kind}: choose, drop or paste`, field), shown);
  const self = { element, file: null, set: (value) => take(fromBase64(value[0].b64)) };

  function take(file) {
    self.file = file;
    self.url = URL.createObjectURL(file);
    shown.replaceChildren(preview(kind, self.url));
  }
  self.value = async () => {
    if (!self.file) throw new Error(`${kind} must be a file: choose, drop or paste one.`);
    return [{ b64: toBase64(await self.file.arrayBuffer()) }];
  };
  field.addEventListener("change", () => field.files[0] && take(field.files[0]));
  element.addEventListener("dragover", (event) => {
    event.preventDefault();
    element.classList.add("over");
  });
  element.addEventListener("dragleave", () => element.classList.remove("over"));
  element.addEventListener("drop", (event) => {
    event.preventDefault();
    element.classList.remove("over");
    if (event.dataTransfer.files[0]) take(event.dataTransfer.files[0]);
  });
  document.addEventListener("paste", (event) => {
    if (element.isConnected && event.clipboardData.files[0]) take(event.clipboardData.files[0]);
  });
  if (kind === "image") element.append(cameraButton(take));
  if (kind === "audio") element.append(recordButton(take));
  return self;
}

function preview(kind, url) {
  const element = document.createElement(kind === "audio" ? "audio" : "img");
  element.src = url;
  element.alt = `the ${kind} to ask about`;
  if (kind === "audio") element.controls = true;
  return element;
}

function cameraButton(take) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Camera";
  button.addEventListener("click", async () => {
    const stream = await media({ video: { facingMode: "environment" } }, button);
    if (!stream) return;
    const video = document.createElement("video");
    video.srcObject = stream;
    await video.play();
    await new Promise((resolve) => setTimeout(resolve, 500)); // the exposure settles
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
    canvas.getContext("2d").drawImage(video, 0, 0);
    stream.getTracks().forEach((track) => track.stop());
    canvas.toBlob(take, "image/jpeg", 0.95);
  });
  return button;
}

// The page writes the WAV itself: what browsers record is compressed, and no graph reads that.
function recordButton(take) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Record";
  let end = null;
  button.addEventListener("click", async () => {
    if (end) return end();
    const stream = await media({ audio: true }, button);
    if (!stream) return;
    const context = new AudioContext();
    const source = context.createMediaStreamSource(stream);
    const listener = context.createScriptProcessor(4096, 1, 1);
    const pieces = [];
    listener.onaudioprocess = (event) => pieces.push(event.inputBuffer.getChannelData(0).slice());
    source.connect(listener);
    listener.connect(context.destination);
    button.textContent = "Stop recording";
    end = () => {
      end = null;
      button.textContent = "Record";
      stream.getTracks().forEach((track) => track.stop());
      context.close();
      take(wave(pieces, context.sampleRate));
    };
  });
  return button;
}

async function media(wanted, button) {
  try {
    return await navigator.mediaDevices.getUserMedia(wanted);
  } catch (error) {
    button.textContent = `Not allowed: ${error.message}`;
    return null;
  }
}

// 16-bit PCM, one channel.
export function wave(pieces, rate) {
  const count = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const view = new DataView(new ArrayBuffer(44 + 2 * count));
  const write = (place, text) =>
    [...text].forEach((letter, i) => view.setUint8(place + i, letter.charCodeAt(0)));
  write(0, "RIFF");
  view.setUint32(4, 36 + 2 * count, true);
  write(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  write(36, "data");
  view.setUint32(40, 2 * count, true);
  let place = 44;
  for (const piece of pieces)
    for (const sample of piece) {
      view.setInt16(place, Math.max(-1, Math.min(1, sample)) * 32767, true);
      place += 2;
    }
  return new Blob([view], { type: "audio/wav" });
}

function toBase64(buffer) {
  const bytes = new Uint8Array(buffer);
  let text = "";
  for (let i = 0; i < bytes.length; i += 32768)
    text += String.fromCharCode(...bytes.subarray(i, i + 32768));
  return btoa(text);
}

export function fromBase64(text) {
  return new Blob([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))]);
}
