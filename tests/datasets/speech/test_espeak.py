"""eSpeak NG: every voice that the demo has, the same samples each time, and errors."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from datasets.speech import demo
from datasets.speech.espeak import speak

pytest.importorskip("espeakng_loader")


def test_a_sentence():
    waveform, rate = speak("one two three", "en-us+f3")
    assert (waveform.dtype, rate) == (np.float32, 22_050)
    assert 0.4 < len(waveform) / rate < 2
    assert 0.1 < np.abs(waveform).max() <= 1


def test_the_same_samples_whatever_was_said_before():
    first = speak("one two three", "en-us+f3")[0]
    speak("quite another thing", "en-gb-scotland+whisper")
    np.testing.assert_array_equal(speak("one two three", "en-us+f3")[0], first)


def test_threads_wait_for_each_other():
    words = ["one", "two", "three", "four"] * 5
    alone = {word: speak(word)[0] for word in set(words)}
    with ThreadPoolExecutor(4) as pool:
        for word, (waveform, _) in zip(words, pool.map(speak, words), strict=True):
            np.testing.assert_array_equal(waveform, alone[word])


def test_rate_and_pitch():
    slow, fast = (speak("one two three four", rate=rate)[0] for rate in (100, 300))
    assert len(slow) > 1.8 * len(fast)
    low, high = (speak("oh", pitch=pitch, range=0)[0] for pitch in (0, 99))
    crossings = [np.mean(np.diff(np.signbit(sound))) for sound in (low, high)]
    assert crossings[1] > crossings[0]


@pytest.mark.parametrize("accent", sorted(set(demo.ACCENTS)))
def test_accents_differ(accent):
    waveform, _ = speak("three hundred", f"{accent}+f1")
    other = "en-us" if accent != "en-us" else "en"
    assert not np.array_equal(waveform, speak("three hundred", f"{other}+f1")[0])


def test_every_voice_of_the_demo_sounds_different():
    voices = [voice for split in demo.VOICES.values() for voice in split]
    sounds = {speak("two", f"en-us+{voice}")[0].tobytes() for voice in voices}
    assert len(sounds) == len(voices)


@pytest.mark.parametrize("voice", ["en-us+nonesuch", "nonesuch", "nonesuch+f3", "", "en-us+../f1"])
def test_an_unknown_voice(voice):
    with pytest.raises(ValueError, match="`voice` must be one of eSpeak NG's"):
        speak("one", voice)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rate": 20}, "`rate` must be between 80 and 450. Got 20"),
        ({"pitch": 101}, "`pitch` must be between 0 and 100. Got 101"),
        ({"range": -1}, "`range` must be between 0 and 100. Got -1"),
    ],
)
def test_numbers_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        speak("one", **options)


@pytest.mark.parametrize("text", ["", "   ", ", ..."])
def test_a_text_without_words(text):
    with pytest.raises(ValueError, match="`text` must have words"):
        speak(text)
