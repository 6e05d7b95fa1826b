"""IMDB through tensorflow-datasets, on a few reviews prepared under its name in a folder.

The real data needs a network and is not loaded here: what is tested is all that lies between
tensorflow-datasets' prepared files and `load`.
"""

import builtins

import pytest

from datasets.sentiment import load
from tests.datasets.sentiment.collected import read

COUNTS = {"train": 200, "test": 6, "unsupervised": 5}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A `data_dir` that tensorflow-datasets wrote itself, under the name of its IMDB builder."""
    tfds = pytest.importorskip("tensorflow_datasets")

    with tfds.core.registered.skip_registration():

        class TinyReviews(tfds.core.GeneratorBasedBuilder):
            name = "imdb_reviews"
            VERSION = tfds.core.Version("1.0.0")
            BUILDER_CONFIGS = (tfds.core.BuilderConfig(name="plain_text"),)
            # A class of no package: for one that is, it wants importlib_resources to find its code.
            __module__ = "__main__"

            def _info(self):
                features = tfds.features.FeaturesDict(
                    {
                        "text": tfds.features.Text(),
                        "label": tfds.features.ClassLabel(names=["neg", "pos"]),
                    }
                )
                return tfds.core.DatasetInfo(builder=self, features=features)

            def _split_generators(self, dl_manager):
                return {split: self._generate_examples(split, n) for split, n in COUNTS.items()}

            def _generate_examples(self, split, count):
                for i in range(count):
                    label = -1 if split == "unsupervised" else i % 2
                    yield f"{split}{i}", {"text": f"{split} <br /> {i} é", "label": label}

    data_dir = tmp_path_factory.mktemp("tfds")
    tfds.disable_progress_bar()
    TinyReviews(data_dir=data_dir, config="plain_text").download_and_prepare()
    return data_dir


def pairs(prepared, split, **options):
    reviews = read("imdb_reviews", split, prepared, **options)
    assert reviews.names == ("negative", "positive")
    return sorted(zip(reviews.texts, reviews.labels.tolist(), strict=True))


def test_splits_texts_and_labels(prepared):
    assert pairs(prepared, "test") == sorted((f"test <br /> {i} é", i % 2) for i in range(6))
    assert [label for _, label in pairs(prepared, "unlabelled")] == [-1] * 5
    train, dev = pairs(prepared, "train"), pairs(prepared, "dev")
    assert sorted(train + dev) == sorted((f"train <br /> {i} é", i % 2) for i in range(200))
    assert 8 <= len(dev) <= 35


def test_no_review_is_in_two_splits(prepared):
    for seed in (0, 1):
        train, dev = (set(pairs(prepared, split, seed=seed)) for split in ("train", "dev"))
        assert not train & dev
    assert pairs(prepared, "dev", seed=0) != pairs(prepared, "dev", seed=1)


def test_a_missing_package_is_named(monkeypatch, prepared):
    real = builtins.__import__

    def without_tfds(name, *args, **kwargs):
        if name.startswith("tensorflow_datasets"):
            raise ImportError("No module named 'tensorflow_datasets'")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_tfds)
    with pytest.raises(ImportError, match="pip install tensorflow-datasets"):
        load("imdb_reviews", "train", prepared)
