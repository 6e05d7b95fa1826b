"""COCO through tensorflow-datasets, on a few images prepared under its name in a folder.

The real data is some 37 GiB and not loaded here: what is tested is all that lies between
tensorflow-datasets' prepared files and `load`.
"""

import builtins
import io

import pytest
from PIL import Image

from datasets.captioning import load

COUNTS = {"train": 3, "restval": 2, "val": 2, "test": 1}


def jpeg(shade: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (16, 12), (shade, 0, 0)).save(file, "JPEG")
    return file.getvalue()


def raw_example(split: str, i: int) -> dict:
    return {
        "image": io.BytesIO(jpeg(40 * i)),
        "image/filename": f"{split}_{i}.jpg",
        "image/id": i,
        "objects": [],
        "captions": [{"id": k, "text": f" Caption {k} of {split} {i}.\n"} for k in range(5)],
    }


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A `data_dir` that tensorflow-datasets wrote itself, with its own COCO builder."""
    tfds = pytest.importorskip("tensorflow_datasets")
    from tensorflow_datasets.object_detection.coco_captions import CocoCaptions

    with tfds.core.registered.skip_registration():

        class TinyCoco(CocoCaptions):
            name = "coco_captions"
            # A class of no package: for one that is, it wants importlib_resources to find its code.
            __module__ = "__main__"

            def _split_generators(self, dl_manager):
                return {split: self._generate_examples(split, n) for split, n in COUNTS.items()}

            def _generate_examples(self, split, count):
                for i in range(count):
                    yield f"{split}{i}", raw_example(split, i)

    data_dir = tmp_path_factory.mktemp("tfds")
    tfds.disable_progress_bar()
    TinyCoco(data_dir=data_dir, config="2014").download_and_prepare()
    return data_dir


def loaded(prepared, split, **options):
    dataset = load("coco_captions", split, data_dir=prepared, **options)
    found = list(dataset.as_numpy_iterator())
    assert int(dataset.cardinality()) == len(found)
    return {e["image_id"].decode(): e for e in found}


def test_splits_bytes_and_captions(prepared):
    train = loaded(prepared, "train")
    assert set(train) == {
        "train_0.jpg",
        "train_1.jpg",
        "train_2.jpg",
        "restval_0.jpg",
        "restval_1.jpg",
    }
    assert train["train_1.jpg"]["image_bytes"] == jpeg(40)
    assert train["train_1.jpg"]["captions"].tolist() == [
        f"Caption {k} of train 1.".encode() for k in range(5)
    ]
    assert set(loaded(prepared, "dev")) == {"val_0.jpg", "val_1.jpg"}
    assert set(loaded(prepared, "test")) == {"test_0.jpg"}


def test_no_image_is_in_two_splits(prepared):
    names = [name for split in ("train", "dev", "test") for name in loaded(prepared, split)]
    assert len(names) == len(set(names)) == sum(COUNTS.values())


def test_limit_takes_the_first(prepared):
    assert list(loaded(prepared, "train", limit=2)) == list(loaded(prepared, "train"))[:2]


def test_a_missing_package_is_named(monkeypatch, prepared):
    real = builtins.__import__

    def without_tfds(name, *args, **kwargs):
        if name.startswith("tensorflow_datasets"):
            raise ImportError("No module named 'tensorflow_datasets'")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_tfds)
    with pytest.raises(ImportError, match="pip install tensorflow-datasets"):
        load("coco_captions", "train", data_dir=prepared)
