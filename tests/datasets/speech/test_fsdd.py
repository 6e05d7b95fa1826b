"""Single digits and strings of them; the publisher's split and a speaker never heard."""

import tarfile

import numpy as np
import pytest

from datasets.speech import SPLITS, describe, load, raw_files
from datasets.speech.fsdd import GAPS, LONGEST_STRING
from datasets.speech.sentences import DIGITS
from tests.datasets.speech.sounds import records, speakers, texts, write

SPEAKERS = ("ann", "bob", "cyd", "dan")


def digits(root, count=12):
    """Sounds whose level is the digit's: 0.05 s of it, then 0.05 s of silence."""
    for speaker in SPEAKERS:
        for digit in range(10):
            for index in range(count):
                samples = np.repeat([(digit + 1) / 20, 0], 400)
                write(root / "recordings" / f"{digit}_{speaker}_{index}.wav", samples)
    return root


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    return digits(tmp_path_factory.mktemp("fsdd"))


def test_the_publishers_split(unpacked):
    found = {split: records("fsdd", split, unpacked) for split in SPLITS}
    indices = {
        split: {int(record["id"].rpartition("_")[2]) for record in found[split]} for split in SPLITS
    }
    assert indices == {"test": set(range(5)), "dev": set(range(5, 10)), "train": {10, 11}}
    assert [len(found[split]) for split in SPLITS] == [80, 200, 200]
    for record in found["train"]:
        digit, speaker, _ = record["id"].split("_")
        assert (record["text"], record["speaker"]) == (DIGITS[int(digit)], speaker)
        assert record["waveform"].max() == pytest.approx((int(digit) + 1) / 20, abs=1e-3)
        assert record["rate"] == 8000


@pytest.mark.parametrize("dataset", ["fsdd", "fsdd_strings"])
def test_no_speaker_is_in_two_splits_where_one_is_unheard(unpacked, dataset):
    people = {split: speakers(dataset, split, unpacked, unheard="dan") for split in SPLITS}
    assert people == {"test": {"dan"}, "dev": {"ann"}, "train": {"bob", "cyd"}}
    assert len(texts("fsdd", "test", unpacked, unheard="dan")) == 120


def test_an_unheard_speaker_who_is_not_there(unpacked):
    with pytest.raises(ValueError, match=r"`unheard` must be one of ann, .* Did you mean 'bob'\?"):
        load("fsdd", "test", unpacked, unheard="bobb")
    with pytest.raises(ValueError, match=r"`unheard` must be None for `an4`.*Got 'ann'"):
        load("an4", "test", unpacked, unheard="ann")


def test_two_speakers_are_too_few(tmp_path):
    for speaker in ("ann", "bob"):
        write(tmp_path / "recordings" / f"1_{speaker}_0.wav")
    with pytest.raises(ValueError, match="`unheard` must be one of three speakers or more"):
        load("fsdd", "test", tmp_path, unheard="ann")


@pytest.mark.parametrize("kind", ["xz", "gz"])
def test_the_archive_reads_as_the_folder(tmp_path, unpacked, kind):
    archive = tmp_path / f"recordings.tar.{kind}"
    with tarfile.open(archive, f"w:{kind}") as file:
        file.add(unpacked / "recordings", "recordings")
    for dataset in ("fsdd", "fsdd_strings"):
        packed, plain = (records(dataset, "dev", place, limit=20) for place in (tmp_path, unpacked))
        for one, other in zip(packed, plain, strict=True):
            assert (one["id"], one["text"]) == (other["id"], other["text"])
            np.testing.assert_array_equal(one["waveform"], other["waveform"])
    assert raw_files("fsdd", tmp_path) == [archive]
    assert len(raw_files("fsdd", unpacked)) == 480


def test_strings_are_digits_of_one_speaker_with_gaps(unpacked):
    found = records("fsdd_strings", "train", unpacked, limit=60)
    lengths = set()
    for record in found:
        words = record["text"].split()
        lengths.add(len(words))
        sound = record["waveform"] > 0
        starts = np.flatnonzero(np.diff(sound, prepend=False) & sound)
        levels = [20 * record["waveform"][start] - 1 for start in starts]
        assert [DIGITS[round(level)] for level in levels] == words
        gaps = np.diff([-400, *starts, len(sound)]) - 400  # samples
        assert GAPS[0] * 8000 - 1 <= gaps.min()
        assert gaps.max() <= (GAPS[1] + 0.05) * 8000  # the end of each recording is silent
    assert lengths == set(range(1, LONGEST_STRING + 1))
    assert {record["speaker"] for record in found} == set(SPEAKERS)


def test_strings_depend_on_the_seed_and_not_on_the_limit(unpacked):
    few, many, others = (
        records("fsdd_strings", "dev", unpacked, limit=limit, seed=seed)
        for limit, seed in ((5, 0), (9, 0), (9, 1))
    )
    for one, other in zip(few, many[:5], strict=True):
        np.testing.assert_array_equal(one["waveform"], other["waveform"])
    assert [record["text"] for record in many] != [record["text"] for record in others]


def test_silent_digits_are_in_no_string(tmp_path):
    digits(tmp_path)
    for index in (10, 11):
        write(tmp_path / "recordings" / f"7_ann_{index}.wav", np.zeros(800))
    found = records("fsdd_strings", "train", tmp_path, limit=200)
    assert all("seven" not in r["text"] for r in found if r["speaker"] == "ann")
    left_out = describe("fsdd_strings", ["train"], tmp_path)["left_out"]
    assert list(left_out["train"].values()) == [2]


@pytest.mark.parametrize("place", [None, "/no/such/folder", "."])
def test_a_folder_without_it(place):
    with pytest.raises(ValueError, match="`data_dir` must be the folder that holds recordings/"):
        load("fsdd", "train", place)


@pytest.mark.data
def test_real_digits(real_data):
    sizes = describe("fsdd", SPLITS, real_data / "fsdd")["splits"]
    assert (
        sizes["test"]["utterances"] == sizes["dev"]["utterances"] == 50 * sizes["dev"]["speakers"]
    )
    assert sizes["train"]["utterances"] == 400 * sizes["train"]["speakers"]
