"""An exported model as its user sees it: reads text of any length, and writes as it goes."""

import codecs
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from datasets.files import open_bytes, open_text
from pipelines.charlm.metrics import Cost

CHUNK = 4096  # characters handed to the model at once
PIECE = 16  # characters written between two looks at the terminal


def unit_of(model: Any) -> str:
    """ "character" or "byte": what a symbol of the model is."""
    path = model.vocabulary.asset_path.numpy().decode()
    return json.loads(Path(path).read_text(encoding="utf-8"))["unit"]


def first_state(model: Any) -> tf.Tensor:
    """The state before a text, `<float32>[1, features]`."""
    step = model.signatures["step"]
    features = step.structured_input_signature[1]["state"].shape[1]
    begin = step(character=tf.constant([""]), state=tf.zeros([1, features]))
    return begin["state"]


def read(model: Any, chunks: Iterable[bytes]) -> Iterator[Cost]:
    """Reads a text that comes in chunks, the state carried from one to the next.

    Where it is cut makes no difference to the sum of the costs. Memory is that of one chunk.
    """
    state = first_state(model)
    for chunk in chunks:
        answer = model.signatures["read"](text=tf.constant([chunk]), state=state)
        state = answer["state"]
        numbers = (answer[name].numpy()[0] for name in ("characters", "nats", "hits"))
        yield Cost(*(number.item() for number in numbers))


def content_of(symbols: np.ndarray, unit: str) -> str | bytes:
    """Code points, or values of bytes, as the text that they are: `<int32>[symbols]`."""
    if unit == "byte":
        return symbols.astype(np.uint8).tobytes()
    return symbols.astype("<u4").tobytes().decode("utf-32-le")


def as_bytes(content: str | bytes) -> bytes:
    """A text as the model takes it."""
    return content if isinstance(content, bytes) else content.encode()


def chunks_of(content: str | bytes, size: int = CHUNK) -> Iterator[bytes]:
    """A text in pieces of `size` symbols, as the model takes them."""
    for start in range(0, len(content), size):
        yield as_bytes(content[start : start + size])


def chunks_of_file(path: Path, unit: str, size: int = CHUNK) -> Iterator[bytes]:
    """The same of a file, of which no more than a chunk is in memory.

    Of characters, a mark at the file's start is left out and line ends become "\\n", as in
    `datasets.text`; what is not UTF-8 is read as U+FFFD.
    """
    if unit == "byte":
        with open_bytes(path) as file:
            while chunk := file.read(size):
                yield chunk
        return
    with open_text(path, errors="replace") as file:
        while chunk := file.read(size):
            yield chunk.encode()


def stream(
    model: Any,
    prompt: str,
    *,
    length: int,
    temperature: float,
    top_k: int,
    top_p: float,
    seed: int,
) -> Iterator[str]:
    """Writes on from a prompt, and gives each piece when it is there.

    The pieces together are what `serving_default` writes in one call with the same seed.
    """
    answer = model.signatures["read"](text=tf.constant([prompt]), state=first_state(model))
    state = answer["state"]
    decoder = codecs.getincrementaldecoder("utf-8")("replace")  # of bytes: a character may be cut
    for place in range(0, length, PIECE):
        answer = model.signatures["write"](
            state=state,
            length=tf.constant(min(PIECE, length - place)),
            temperature=tf.constant(temperature, tf.float32),
            top_k=tf.constant(top_k),
            top_p=tf.constant(top_p, tf.float32),
            seed=tf.constant(seed),
            place=tf.constant(place),
        )
        state = answer["state"]
        yield decoder.decode(answer["text"].numpy()[0])
    yield decoder.decode(b"", final=True)


def states_along(model: Any, text: str | bytes) -> np.ndarray:
    """The state after each symbol of a text, `<float32>[symbols, features]`."""
    state, states = first_state(model), []
    step = model.signatures["step"]
    for symbol in chunks_of(text, 1):
        state = step(character=tf.constant([symbol]), state=state)["state"]
        states.append(state.numpy()[0])
    return np.stack(states)
