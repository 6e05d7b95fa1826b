"""Images, captions and texts that people reported: read right, or refused by name."""

import shutil

import numpy as np
import pytest
from PIL import Image

from datasets.image_files import read_image
from datasets.images import decode_image
from pipelines.captioning.pipeline import PIPELINE
from pipelines.charlm.pipeline import PIPELINE as CHARLM
from tests.own_data.inspecting import CASES, inspected
from tests.pipelines import verb_checks


def pixels(path) -> np.ndarray:
    return decode_image(read_image(path)).numpy()


@pytest.mark.parametrize("name", ["ramp16.png", "ramp16.tif"])
def test_07_sixteen_bits_are_scaled(name):
    assert pixels(CASES / "07-tiff16" / name).mean() == pytest.approx(127.5, abs=1)


@pytest.mark.parametrize("ending", ["jpg", "png", "webp"])
def test_08_images_are_turned_upright(ending):
    assert pixels(CASES / "08-png-exif" / f"turned.{ending}").shape == (40, 30, 3)


def test_09_predict_takes_what_train_takes(capsys):
    files = sorted((CASES / "09-predict-formats").iterdir())
    assert verb_checks.main(PIPELINE, "predict", *files) == 0
    lines = capsys.readouterr().out.splitlines()
    captions = {line.split("\t")[1] for line in lines}  # the confidence behind it may round apart
    assert len(files) == len(lines) == 4
    assert len(captions) == 1
    assert captions.pop()[0].isalpha()


def test_12_a_packed_text(tmp_path, capsys):
    data = ("--dataset=file", f"--data-dir={CASES / '12-text-packed/book.txt.gz'}")
    description = inspected(CHARLM, tmp_path, capsys, *data)
    sizes = {split: size["characters"] for split, size in description["splits"].items()}
    assert sizes == {"train": 5400, "dev": 300, "test": 300}


def test_20_captions_between_bars(tmp_path, capsys):
    (tmp_path / "images").mkdir()
    shutil.copy(CASES / "20-pipe-captions/results.csv", tmp_path / "images")
    for i in range(1, 31):
        Image.new("RGB", (8, 8), (8 * i, 90, 90)).save(tmp_path / f"images/{i}.jpg")
    data = ("--dataset=folder", f"--data-dir={tmp_path / 'images'}")
    description = inspected(PIPELINE, tmp_path, capsys, *data)
    sizes = description["splits"].values()
    assert sum(size["images"] for size in sizes) == 30
    assert sum(size["captions"] for size in sizes) == len(_rows())
    assert description["examples"][0].startswith("two men in green shirts")


def _rows():
    text = (CASES / "20-pipe-captions/results.csv").read_text()
    return set(text.splitlines()[1:])
