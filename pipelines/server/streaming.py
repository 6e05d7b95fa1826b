"""A text as it is written, piece by piece: server-sent events of a character model.

Its signatures `step`, `read` and `write` hand a state from one call to the next, so that the pieces
are together what `serving_default` answers to the same inputs.
"""

import json
from collections.abc import AsyncIterator, Mapping

import numpy as np

from pipelines.server.engine import Engine
from pipelines.server.errors import RequestError, invalid
from pipelines.server.servable import Servable

PIECE = 16  # characters a call: a few hundredths of a second
NEEDED = ("step", "read", "write")
TYPE = "text/event-stream"


def check(servable: Servable, inputs: Mapping[str, np.ndarray]) -> None:
    """That a model can write piece by piece, and for one prompt.

    Raises:
        RequestError: it cannot, or there are several.
    """
    missing = [name for name in NEEDED if name not in servable.signatures]
    if missing or "prompt" not in inputs:
        raise invalid(f"A stream needs the signatures {', '.join(NEEDED)} and a prompt")
    if len(inputs["prompt"]) != 1:
        raise invalid(f"A stream is of one prompt. Got {len(inputs['prompt'])}")


async def pieces(
    engine: Engine, servable: Servable, inputs: Mapping[str, np.ndarray]
) -> AsyncIterator[str]:
    """The text in pieces; each is a request of its own, so that others come between them.

    Args:
        engine: of the model.
        servable: see `check`.
        inputs: of `serving_default`: prompt `<string>[1]`, length, temperature and seed.

    Raises:
        RequestError: an input is out of its range, or the server has no place or time.
    """

    async def call(name: str, **given) -> Mapping[str, np.ndarray]:
        specs = servable.signatures[name].inputs
        arrays = {key: np.asarray(given[key], specs[key].dtype.as_numpy_dtype) for key in specs}
        async with engine.admit():
            return await engine.predict(servable, name, arrays)

    features = servable.signatures["step"].inputs["state"].shape[1]
    state = (await call("step", character=[b""], state=np.zeros((1, features))))["state"]
    state = (await call("read", text=inputs["prompt"], state=state))["state"]
    drawn = {"temperature": inputs["temperature"], "seed": inputs["seed"], "top_k": 0, "top_p": 1}
    length = int(inputs["length"])
    for place in range(0, max(length, 1), PIECE):
        size = min(PIECE, length - place)  # a length out of its range is the model's to refuse
        written = await call("write", state=state, length=size, place=place, **drawn)
        state = written["state"]
        yield written["text"][0].decode("utf-8", errors="replace")


async def events(texts: AsyncIterator[str]) -> AsyncIterator[bytes]:
    """Server-sent events: `data: {"text": "..."}` for each piece, then the event `end`, or `error`.

    https://html.spec.whatwg.org/multipage/server-sent-events.html
    """
    try:
        async for text in texts:
            yield f"data: {json.dumps({'text': text})}\n\n".encode()
    except RequestError as error:
        yield f"event: error\ndata: {json.dumps({'error': error.message})}\n\n".encode()
    else:
        yield b"event: end\ndata: {}\n\n"
