"""Speech by eSpeak NG, through the library that the package `espeakng-loader` carries.

eSpeak NG (https://github.com/espeak-ng/espeak-ng) is under GPL-3, so the package is an optional
requirement. Its C interface is `speak_lib.h`.
"""

import _ctypes
import contextlib
import ctypes
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np

PACKAGE = "espeakng-loader==0.2.4"

_SYNCHRONOUS = 2  # of espeak_Initialize: no threads, no sound card, samples to a callback
_NO_EXIT = 0x8000  # of espeak_Initialize: without its data it returns an error
_UTF8 = 1
_RATE, _PITCH, _RANGE = 1, 3, 4  # of espeak_SetParameter
_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)
_LOCK = threading.Lock()  # the library has one state for the whole process


def speak(
    text: str, voice: str = "en-us", rate: int = 175, pitch: int = 50, range: int = 50
) -> tuple[np.ndarray, int]:
    """(waveform <float32>[samples] in [-1, 1], samples a second) of a text read aloud.

    The same arguments give the same samples, whatever was spoken before: the library is loaded anew
    for each text (2 ms), since it keeps phases and random numbers from one text to the next. Calls
    from several threads wait for each other.

    Args:
        text: what to say, as eSpeak reads it: "A" is a letter, "a" the article.
        voice: as eSpeak names it, "en-us", with a variant or not: "en-us+f3". "en" is British.
        rate: words a minute, 80 to 450.
        pitch, range: 0 to 100; the height of the voice, and how far it goes up and down.

    Raises:
        ImportError: `espeakng-loader` is not installed.
        ValueError: no such voice or variant; a number out of range; a text that makes no sound.
    """
    for name, value, low, high in (
        ("rate", rate, 80, 450),
        ("pitch", pitch, 0, 100),
        ("range", range, 0, 100),
    ):
        if not low <= value <= high:
            raise ValueError(f"`{name}` must be between {low} and {high}. Got {value!r}.")
    if not any(map(str.isalnum, text)):
        raise ValueError(f"`text` must have words that can be spoken. Got {text!r}.")
    with _LOCK, _library() as (library, pieces, samples_a_second):
        _set_voice(library, voice)
        for parameter, value in ((_RATE, rate), (_PITCH, pitch), (_RANGE, range)):
            library.espeak_SetParameter(parameter, int(value), 0)
        raw = text.encode("utf-8") + b"\0"
        if library.espeak_Synth(raw, ctypes.c_size_t(len(raw)), 0, 0, 0, _UTF8, None, None):
            raise RuntimeError(f"eSpeak NG failed to say {text!r}.")
    if not pieces:
        raise ValueError(f"`text` must have words that {voice!r} can speak. Got {text!r}.")
    return np.concatenate(pieces).astype(np.float32) / 32768, samples_a_second


def data_folder() -> Path:
    """Where the package keeps eSpeak's voices.

    Raises:
        ImportError: `espeakng-loader` is not installed.
    """
    return Path(_loader().get_data_path())


def _variants() -> Path:
    return data_folder() / "voices" / "!v"


def _loader():
    try:
        import espeakng_loader
    except ImportError as error:
        raise ImportError(
            "Speech by eSpeak NG needs the package espeakng-loader, which carries a library under "
            f"GPL-3: pip install {PACKAGE}."
        ) from error
    return espeakng_loader


@contextlib.contextmanager
def _library() -> Iterator[tuple[ctypes.CDLL, list[np.ndarray], int]]:
    """eSpeak NG in its first state, the list that its samples go to, and their rate."""
    library = ctypes.CDLL(_loader().get_library_path())
    pieces: list[np.ndarray] = []

    @_CALLBACK
    def receive(samples, count, events):
        if samples and count > 0:
            pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    try:
        data = str(data_folder()).encode()
        rate = library.espeak_Initialize(_SYNCHRONOUS, 0, data, _NO_EXIT)
        if rate <= 0:
            raise RuntimeError(f"eSpeak NG did not start with its data in {data_folder()}.")
        library.espeak_ng_SetRandSeed(ctypes.c_long(1))
        library.espeak_SetSynthCallback(receive)
        yield library, pieces, rate
    finally:
        library.espeak_Terminate()
        unload = getattr(_ctypes, "dlclose", None) or _ctypes.FreeLibrary  # of Windows
        unload(library._handle)


def _set_voice(library: ctypes.CDLL, voice: str) -> None:
    _, plus, variant = voice.partition("+")
    # The library takes an unknown variant without a word, and speaks in the plain voice.
    known = not plus or variant in {path.name for path in _variants().iterdir()}
    if not known or library.espeak_SetVoiceByName(voice.encode()):
        raise ValueError(
            f"`voice` must be one of eSpeak NG's, such as en-us or en-us+f3. Got {voice!r}."
        )
