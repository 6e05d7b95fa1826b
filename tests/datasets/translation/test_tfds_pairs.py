"""Data sets of tensorflow-datasets, on a few pairs prepared under TED's name in a folder."""

import builtins

import pytest

from datasets.translation.tfds_pairs import ted_config
from tests.datasets.translation.records import read

COUNTS = {"train": 3, "validation": 2, "test": 1}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A `data_dir` that tensorflow-datasets wrote itself, under the name of its TED builder."""
    tfds = pytest.importorskip("tensorflow_datasets")
    with tfds.core.registered.skip_registration():

        class TinyTed(tfds.core.GeneratorBasedBuilder):
            name = "ted_hrlr_translate"
            VERSION = tfds.core.Version("1.0.0")
            BUILDER_CONFIGS = (tfds.core.BuilderConfig(name="pt_to_en"),)
            # A class of no package: for one that is, it wants importlib_resources to find its code.
            __module__ = "__main__"

            def _info(self):
                features = tfds.features.Translation(languages=("pt", "en"))
                return tfds.core.DatasetInfo(builder=self, features=features)

            def _split_generators(self, dl_manager):
                return {split: self._generate_examples(split, n) for split, n in COUNTS.items()}

            def _generate_examples(self, split, count):
                for i in range(count):
                    yield i, {"pt": f" Frase {i} de {split}.", "en": f"Sentence {i} of {split}."}

    data_dir = tmp_path_factory.mktemp("tfds")
    tfds.disable_progress_bar()
    TinyTed(data_dir=data_dir, config="pt_to_en").download_and_prepare()
    return data_dir


def test_both_directions_and_all_splits(prepared):
    for split, name in (("train", "train"), ("dev", "validation"), ("test", "test")):
        there = read("ted_hrlr_translate", split, prepared, source="pt", target="en")
        back = read("ted_hrlr_translate", split, prepared, source="en", target="pt")
        assert sorted(there.sources) == [f"Frase {i} de {name}." for i in range(COUNTS[name])]
        assert (there.sources, there.targets) == (back.targets, back.sources)
        assert len(set(there.ids)) == COUNTS[name]


def test_any_data_set_by_name_and_config(prepared):
    name = "ted_hrlr_translate/pt_to_en"
    found = read(name, "train", prepared, source="pt", target="en", limit=2)
    assert len(found.sources) == 2
    with pytest.raises(ValueError, match=r"must be languages of .*\(en, pt\). Got 'de' and 'en'"):
        read(name, "train", prepared, source="de", target="en")


def test_pairs_of_ted():
    assert ted_config("en", "az_tr") == "ted_hrlr_translate/aztr_to_en"
    assert ted_config("es", "pt") == "ted_hrlr_translate/es_to_pt"
    with pytest.raises(ValueError, match="Got 'en' and 'de'"):
        ted_config("en", "de")


def test_without_tensorflow_datasets_it_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **options):
        if name == "tensorflow_datasets":
            raise ImportError("gone")
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match="pip install tensorflow-datasets"):
        read("ted_hrlr_translate", "dev", source="pt", target="en")
