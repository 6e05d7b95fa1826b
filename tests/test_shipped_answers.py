"""The shipped models answer as they did: `shipped_answers.json` beside this file says how.

It holds the answers and scores of every signature and of `predict` on the inputs below, as version
0.1.0 gave them. Strings must be equal, numbers equal to rounding. Only where another model is
shipped, record the answers anew, and look at what changed:

    python -m tests.test_shipped_answers
    git diff tests/shipped_answers.json

Then run the test with TF_ENABLE_ONEDNN_OPTS=0 and with 1, which add up in another order: an answer
that differs between the two hangs on a near tie, and its input is to be replaced by another.
"""

import contextlib
import functools
import io
import json
import math
import os
import re
import runpy
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import pytest
import tensorflow as tf

from pipelines.action_recognition.signatures import gif_bytes
from pipelines.audio import wav_bytes
from pipelines.exporting import load_saved_model

ROOT = Path(__file__).parents[1]
RECORD = ROOT / "tests" / "shipped_answers.json"
MODELS = (
    "action_recognition",
    "action_recognition_joints",
    "captioning",
    "charlm_shakespeare",
    "sentiment",
    "speech_to_text",
    "translation_de_en",
    "translation_en_de",
)
FEW = 64  # numbers of an array that are recorded one by one; a larger one is summed up
TOLERANCE = 2e-5  # of a number; above 1, relative. With oneDNN on and off, 2e-6 was the most.
NUMBER = re.compile(r"[-+]?\d+\.\d+")  # in a printed line

# Inputs. Bytes are what a client may send; `predict` gets the same as the shell would hand it over.

LONG = "".join(
    f"The plot was {a} and the {b} actor, whom I had never seen before, was {c} in every scene. "
    for a in ("dull", "fine", "grand", "slow", "odd")
    for b, c in (("old", "great"), ("new", "weak"), ("tall", "lost"), ("young", "warm"))
)  # 360 words and 60 signs: more than a text is read of

REVIEWS = [
    b"I loved it, wonderful.",
    b"Dull and awful.",
    b"",
    b" \t\n ",
    b"A good \x80 film, \xff\xfe and well played.",
    "🙂🙂 great fun 👍🏽".encode(),
    b"Bad.<br /><br />It&#39;s &quot;art&quot;, they said",
    LONG.encode(),
    b"not good at all, far from great; I would not watch it again",
    "素晴らしい映画でした".encode(),
    b"zzzqx vlorp!",
    b"NEVER AGAIN!!! 1/10",
    b"The critics hated it, but my wife and I laughed all the way through.",
]
SENTENCES = {
    "en": [
        b"A man in a red shirt is riding a bicycle.",
        b"Two dogs are playing in the snow.",
        b"",
        b"  \n",
        b"A woman \xff\xfe holds a \x80 child.",
        "A girl 🙂 eats ice cream 🍦.".encode(),
        b"TWO CHILDREN ARE SITTING ON A BENCH",
        b"Xqzw vlorp grumblefizz.",
        b"Three people stand in front of a building with a large window and talk to each other.",
        "素晴らしい".encode(),
        b"A young boy jumps into the water. " * 12,
    ],
    "de": [
        b"Ein Mann in einem roten Hemd f\xc3\xa4hrt Fahrrad.",
        b"Zwei Hunde spielen im Schnee.",
        b"",
        b"  \n",
        b"Eine Frau h\xe4lt ein \x80 Kind.",
        "Ein Mädchen 🙂 isst Eis 🍦.".encode(),
        b"ZWEI KINDER SITZEN AUF EINER BANK",
        b"Xqzw vlorp Grumblefizz.",
        "Drei Menschen stehen vor einem Gebäude mit einem großen Fenster und reden.".encode(),
        "素晴らしい".encode(),
        b"Ein kleiner Junge springt ins Wasser. " * 12,
    ],
}
GIVEN = {  # translations to score, of the first sentences
    "en": ["Ein Mann in einem roten Hemd fährt Fahrrad.", "Zwei Katzen schlafen.", "Nichts.", ""],
    "de": ["A man in a red shirt rides a bike.", "Two cats are asleep.", "Nothing.", ""],
}
PROMPTS = [
    b"First Citizen:\n",
    b"",
    b"KING RICHARD III:\nNow is the winter of our",
    b"ROMEO: \x80\xff love",
    "JULIET:\nO 🙂".encode(),
    b"To be, or not to be: that is the question.\n" * 20,
]


def images() -> dict[str, bytes]:
    """Name -> image file: a photograph, drawn scenes, and what is none."""
    photograph = (ROOT / "pipelines" / "captioning" / "photograph.jpg").read_bytes()
    folder = ROOT / "tests" / "fixtures" / "scenes"
    scenes = {file.name: file.read_bytes() for file in sorted(folder.iterdir())}
    broken = {"cut-off.jpg": photograph[:2000], "text.png": b"not an image", "empty.jpg": b""}
    return {"photograph.jpg": photograph, **scenes, **broken}


def recordings() -> dict[str, bytes]:
    """Name -> audio file: a sentence, a tone, a pause, and what is none."""
    sentence = (ROOT / "pipelines" / "speech_to_text" / "example.wav").read_bytes()
    tone = np.sin(np.arange(8000) * 0.3).astype(np.float32)
    made = {
        "tone.wav": wav_bytes(0.5 * tone, 8000).numpy(),
        "pause.wav": wav_bytes(0 * tone, 8000).numpy(),
        "cut-off.wav": sentence[:20_000],
        "text.wav": b"not a sound",
    }
    return {"example.wav": sentence, **made}


def clips() -> dict[str, bytes]:
    """Name -> clip: a drawn figure, a still, and what is none."""
    figure = (ROOT / "pipelines" / "action_recognition" / "example.gif").read_bytes()
    still = gif_bytes(np.full((1, 20, 30, 3), 90, np.uint8))
    broken = {"cut-off.gif": figure[:5000], "text.gif": b"not a clip"}
    return {"example.gif": figure, "still.gif": still, **broken}


# Answers. Each yields (request, what it was answered as JSON).


def answers(name: str) -> Iterator[tuple[str, object]]:
    """All that is recorded of a model."""
    signatures = model(name).signatures
    task, *languages = name.split("_")
    if task == "captioning":
        yield from _of_all(signatures, image_bytes=list(images().values()))
        yield "predict", predict(task, *images())
    elif task == "sentiment":
        yield from _of_all(signatures, text=REVIEWS)
        yield "predict", predict(task, *map(os.fsdecode, REVIEWS))
        yield "predict --words", predict(task, "--words", *map(os.fsdecode, REVIEWS[:2]))
    elif name == "action_recognition":
        yield from _clips(signatures)
    elif name == "action_recognition_joints":
        drawn = np.random.default_rng(0).normal(size=(3, 50, 20, 3)).astype(np.float32)
        yield from _of_all(signatures, joints=drawn, lengths=np.array([50, 7, 0], np.int32))
    elif task == "speech":
        wavs = recordings()
        for signature in ("serving_default", "align", "hypotheses"):
            yield signature, ask(signatures[signature], audio_bytes=list(wavs.values()))
        yield "predict", predict(name, *wavs)
    elif task == "translation":
        yield from _translations(signatures, *languages)
    else:
        yield from _texts(signatures)


def _clips(signatures):
    files = clips()
    for signature in ("serving_default", "belief"):
        yield signature, ask(signatures[signature], clip_bytes=list(files.values()))
    drawn = np.random.default_rng(0).integers(0, 256, (2, 9, 12, 10, 3), np.uint8)
    lengths = np.array([9, 0], np.int32)
    for signature in ("frames", "frames_belief"):
        yield signature, ask(signatures[signature], frames=drawn, lengths=lengths)
    yield "predict", predict("action_recognition", "example.gif", "still.gif")


def _of_all(signatures, **inputs):
    for name, signature in signatures.items():
        yield name, ask(signature, **inputs)


def _translations(signatures, source, target):
    sentences = SENTENCES[source]
    for name in ("serving_default", "greedy", "attention"):
        yield name, ask(signatures[name], text=sentences)
    yield "languages", ask(signatures["languages"])
    given = GIVEN[source]
    yield "score", ask(signatures["score"], text=sentences[: len(given)], translation=given)
    flags = [f"--source={source}", f"--target={target}"]
    yield "predict", predict("translation", *flags, *map(os.fsdecode, sentences))


def _texts(signatures):
    likeliest = {"temperature": np.float32(0), "seed": np.int32(0)}
    drawn = {"temperature": np.float32(0.8), "seed": np.int32(3)}
    every = {"length": np.int32(60), "top_k": np.int32(5), "top_p": np.float32(0.9)}
    length = np.int32(80)
    default = signatures["serving_default"]
    yield "serving_default", ask(default, prompt=PROMPTS, length=length, **likeliest)
    yield "serving_default, drawn", ask(default, prompt=PROMPTS, length=length, **drawn)
    yield "score", ask(signatures["score"], text=PROMPTS)
    features = signatures["step"].structured_input_signature[1]["state"].shape[1]
    zeros = np.zeros((3, features), np.float32)
    begun = signatures["step"](character=tf.constant([""] * 3), state=tf.constant(zeros))
    yield "step, before a text", plain(begun)
    yield "step", ask(signatures["step"], character=["T", "é", "\n"], state=begun["state"])
    read = signatures["read"](text=tf.constant(PROMPTS[:3]), state=begun["state"])
    yield "read", plain(read)
    for title, drawing in {"write": likeliest, "write, drawn": drawn}.items():
        given = {"state": read["state"], "place": np.int32(5), **every, **drawing}
        yield title, ask(signatures["write"], **given)
    flags = ["--length=60", "--temperature=0"]
    text = [prompt.decode() for prompt in PROMPTS if prompt.isascii() or "🙂".encode() in prompt]
    yield "predict", predict("charlm", *flags, *text)
    yield "predict --score", predict("charlm", "--score=example.txt")


def model(name: str):
    return load_saved_model(ROOT / "saved_models" / name)[0]


def ask(signature, **inputs) -> dict:
    return plain(signature(**{key: tf.constant(value) for key, value in inputs.items()}))


def predict(task: str, *arguments: str) -> list[str]:
    """The lines of `python -m pipelines.<task> predict ...`, in a folder with the example files."""
    shown, before = io.StringIO(), sys.argv
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for name, content in (images() | recordings() | clips()).items():
            Path(name).write_bytes(content)
        Path("example.txt").write_bytes(b"\n".join(PROMPTS))
        sys.argv = [f"pipelines.{task}", "predict", *arguments]
        try:
            with contextlib.redirect_stdout(shown), pytest.raises(SystemExit) as ended:
                runpy.run_module(f"pipelines.{task}", run_name="__main__")
        finally:
            sys.argv = before
    if ended.value.code != 0:
        raise ValueError(f"`predict` must end with 0. Got {ended.value.code} for {arguments}.")
    return shown.getvalue().removesuffix("\n").split("\n")


def plain(outputs) -> dict:
    """Outputs of a signature as JSON values."""
    return {name: _plain(outputs[name].numpy()) for name in sorted(outputs)}


def _plain(value) -> dict:
    if isinstance(value, bytes):
        return {"shape": [], "strings": _strings(value)}
    shape = list(value.shape)
    if value.dtype == object:
        return {"shape": shape, "strings": _strings(value)}
    flat = value.astype(float).ravel()
    if flat.size <= FEW:
        return {"shape": shape, "numbers": flat.round(7).tolist()}
    # Some of them, and sums that any other number would change, or two that change places.
    some = flat[:: flat.size // 16]
    sums = [np.mean(flat * np.cos(wave * np.arange(flat.size))) for wave in range(4)]
    return {"shape": shape, "numbers": np.concatenate([some, sums]).round(7).tolist()}


def _strings(value):
    """Nested lists of strings, without the empty ones that fill a row up."""
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    row = [_strings(part) for part in value]
    while row and not row[-1]:
        row.pop()
    return row


# The test.


@pytest.fixture(scope="module", autouse=True)
def _loaded_once():
    """`predict` loads its model anew each time; the files do not change here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tf.saved_model, "load", functools.cache(tf.saved_model.load))
        yield


@pytest.mark.parametrize("name", MODELS)
def test_a_shipped_model_answers_as_it_did(name):
    recorded = json.loads(RECORD.read_text())[name]
    found = dict(answers(name))
    assert list(differences(found, recorded)) == []


def test_every_shipped_model_is_asked():
    shipped = {path.parent.parent.name for path in ROOT.glob("saved_models/*/*/saved_model.pb")}
    assert shipped == set(MODELS) == set(json.loads(RECORD.read_text()))


def test_differences_are_strings_that_differ_and_numbers_beyond_rounding():
    recorded = {"score": {"shape": [1], "numbers": [0.5]}, "predict": ["positive\t0.5000\tGood."]}
    score, line = recorded["score"], recorded["predict"][0]
    assert not list(differences(recorded, recorded))
    assert not list(differences({**recorded, "score": {**score, "numbers": [0.50001]}}, recorded))
    assert list(differences({**recorded, "score": {**score, "numbers": [0.5001]}}, recorded))
    assert list(differences({**recorded, "score": {**score, "numbers": [math.nan]}}, recorded))
    assert list(differences({**recorded, "score": {**score, "shape": [2]}}, recorded))
    assert list(differences({"predict": recorded["predict"]}, recorded))
    for other, same in {"0.5001": True, "0.4999": True, "0.5002": False, "0.5": False}.items():
        changed = {**recorded, "predict": [line.replace("0.5000", other)]}
        assert (not list(differences(changed, recorded))) == same
    assert list(differences({**recorded, "predict": [line.replace("Good", "good")]}, recorded))


def differences(found, recorded, where: str = "") -> Iterator[str]:
    """A line for each string that is not equal, and each number that is not equal to rounding."""
    if isinstance(recorded, dict) and isinstance(found, dict):
        for name in sorted({*found, *recorded}):
            yield from differences(found.get(name), recorded.get(name), f"{where}/{name}")
    elif isinstance(recorded, list) and isinstance(found, list) and len(found) == len(recorded):
        for place, pair in enumerate(zip(found, recorded, strict=True)):
            yield from differences(*pair, f"{where}/{place}")
    elif not _alike(found, recorded, printed=where.startswith("/predict")):
        yield f"{where}: {found!r} was {recorded!r}"


def _alike(found, recorded, printed: bool) -> bool:
    if isinstance(recorded, float) and isinstance(found, float):
        return abs(found - recorded) <= TOLERANCE * max(1.0, abs(recorded))
    if not (printed and isinstance(recorded, str) and isinstance(found, str)):
        return found == recorded
    # Of a number that is printed, the last digit may be rounded up or down.
    numbers, before = (NUMBER.findall(line) for line in (found, recorded))
    digits = [[len(number.partition(".")[2]) for number in line] for line in (numbers, before)]
    return (
        NUMBER.sub("", found) == NUMBER.sub("", recorded)
        and digits[0] == digits[1]
        and all(
            abs(float(one) - float(other)) < 1.5 * 10.0**-places
            for one, other, places in zip(numbers, before, digits[0], strict=True)
        )
    )


# The record.


def record() -> None:
    """Writes what the models answer now."""
    found = {name: dict(answers(name)) for name in MODELS}
    RECORD.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    record()
