"""Flickr8k from the publisher's zips and from what they unpack to, whole and broken."""

import io
import logging
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from datasets.captioning import flickr8k, load

SPLITS = {"train": ["a.jpg", "b.jpg", "c.jpg"], "dev": ["d.jpg"], "test": ["e.jpg"]}
ODD = "2258277193_586949ec62.jpg.1"  # has captions in the published file, but is no image


def jpeg(shade: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), (shade, 120, 40)).save(file, "JPEG")
    return file.getvalue()


def contents(splits=SPLITS) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """The members of the two archives, as the published ones are laid out."""
    names = sorted(name for listed in splits.values() for name in listed)
    images = {f"Flicker8k_Dataset/{name}": jpeg(40 * i) for i, name in enumerate(names)}
    images |= {f"__MACOSX/Flicker8k_Dataset/._{name}": b"Mac" for name in names}
    lines = [f"{name}#{i}\tCaption {i} of {name} .\n" for name in [*names, ODD] for i in range(5)]
    texts = {"Flickr8k.token.txt": "".join(lines).encode()}
    texts |= {
        f"Flickr_8k.{split}Images.txt": "\n".join(listed).encode()
        for split, listed in splits.items()
    }
    return images, texts


def write_zips(folder: Path, images: dict[str, bytes], texts: dict[str, bytes]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, members in (("Flickr8k_Dataset.zip", images), ("Flickr8k_text.zip", texts)):
        with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as archive:
            for member, data in members.items():
                archive.writestr(member, data)
    return folder


def found(data_dir: Path, split: str, **options) -> list[tuple[str, bytes, list[str]]]:
    count, generate = flickr8k.examples(split, data_dir=data_dir, **options)
    examples = list(generate())
    assert len(examples) == count
    return examples


def test_zips(tmp_path):
    images, texts = contents()
    data_dir = write_zips(tmp_path, images, texts)
    examples = found(data_dir, "train")
    assert [name for name, _, _ in examples] == SPLITS["train"]
    for name, image_bytes, captions in examples:
        assert image_bytes == images[f"Flicker8k_Dataset/{name}"]
        assert captions == [f"Caption {i} of {name} ." for i in range(5)]
    unpacked = [path.name for path in tmp_path.iterdir() if path.suffix != ".zip"]
    assert unpacked == []


@pytest.mark.parametrize(
    ("image_folder", "text_folder"),
    [
        ("Flicker8k_Dataset", "."),
        ("Flickr8k_Dataset", "Flickr8k_text"),
        ("Flickr8k_Dataset/Flicker8k_Dataset", "Flickr8k_text"),
    ],
)
def test_unpacked_folders(tmp_path, image_folder, text_folder):
    images, texts = contents()
    for folder, members in ((image_folder, images), (text_folder, texts)):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        for member, data in members.items():
            (tmp_path / folder / Path(member).name).write_bytes(data)
    assert found(tmp_path, "dev") == found(write_zips(tmp_path / "zips", images, texts), "dev")


def test_no_image_is_in_two_splits(tmp_path):
    data_dir = write_zips(tmp_path, *contents())
    names = [name for split in SPLITS for name, _, _ in found(data_dir, split)]
    assert sorted(names) == ["a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg"]


def test_the_odd_caption_name_is_left_out_without_a_word(tmp_path, caplog):
    data_dir = write_zips(tmp_path, *contents())
    assert ODD not in [name for split in SPLITS for name, _, _ in found(data_dir, split)]
    assert not caplog.records


def test_limit_takes_the_first_images(tmp_path):
    data_dir = write_zips(tmp_path, *contents())
    assert [name for name, _, _ in found(data_dir, "train", limit=2)] == ["a.jpg", "b.jpg"]
    assert len(found(data_dir, "train", limit=99)) == 3


def test_a_split_whose_list_is_not_there(tmp_path):
    images, texts = contents()
    del texts["Flickr_8k.testImages.txt"]
    data_dir = write_zips(tmp_path, images, texts)
    with pytest.raises(ValueError, match=r"0 of 1,000 images of split `test` .*there: train, dev"):
        flickr8k.examples("test", data_dir=data_dir)


def test_a_split_none_of_whose_images_is_there(tmp_path):
    images, texts = contents()
    del images["Flicker8k_Dataset/e.jpg"]
    data_dir = write_zips(tmp_path, images, texts)
    with pytest.raises(ValueError, match=r"0 of 1 images of split `test` are in .*lacks them"):
        flickr8k.examples("test", data_dir=data_dir)


def test_an_empty_folder_says_what_belongs_there(tmp_path):
    with pytest.raises(ValueError, match=r"Flickr8k_Dataset\.zip and Flickr8k_text\.zip"):
        flickr8k.examples("train", data_dir=tmp_path)


def test_an_archive_that_was_cut_off(tmp_path):
    data_dir = write_zips(tmp_path, *contents())
    archive = data_dir / "Flickr8k_Dataset.zip"
    archive.write_bytes(archive.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"Flickr8k_Dataset\.zip is not a whole zip archive"):
        flickr8k.examples("train", data_dir=data_dir)


def test_faults_are_told_once_and_left_out(tmp_path, caplog):
    names = [f"{i:03d}.jpg" for i in range(60)]
    images, texts = contents({"train": names})
    images["Flicker8k_Dataset/003.jpg"] = jpeg(0)[:-300]
    del images["Flicker8k_Dataset/007.jpg"]
    texts["Flickr8k.token.txt"] = (
        texts["Flickr8k.token.txt"]
        .replace(b"Caption 2 of 009.jpg .", b"")
        .replace(b"Caption 1 of 011.jpg .", b"Caf\xe9")
    )
    data_dir = write_zips(tmp_path, images, texts)
    with caplog.at_level(logging.WARNING):
        examples = {name: captions for name, _, captions in found(data_dir, "train")}
    assert set(names) - set(examples) == {"003.jpg", "007.jpg"}
    assert (len(examples["009.jpg"]), len(examples["011.jpg"])) == (4, 4)
    assert len(caplog.records) == 1
    message = caplog.text
    assert "corrupt image: 1 (003.jpg: truncated)" in message
    assert "missing image, though a caption or a list names it: 1 (007.jpg)" in message
    assert "empty caption: 1 (009.jpg)" in message
    assert "line that is not UTF-8: 1 (011.jpg: Caf" in message
    with pytest.raises(ValueError, match=r"2 of 60 images .*3\.3%.*limit.*1\.0%"):
        flickr8k.examples("train", data_dir=data_dir, max_bad_share=0.01)


def test_a_member_damaged_inside_the_archive_is_a_corrupt_image(tmp_path):
    images, texts = contents()
    data_dir = write_zips(tmp_path, images, texts)
    archive = data_dir / "Flickr8k_Dataset.zip"
    raw = bytearray(archive.read_bytes())
    place = raw.index(b"Flicker8k_Dataset/b.jpg") + 200
    raw[place : place + 20] = bytes(20)
    archive.write_bytes(raw)
    assert [n for n, _, _ in found(data_dir, "train", max_bad_share=0.5)] == ["a.jpg", "c.jpg"]


@pytest.mark.data
def test_real_counts_captions_and_splits(real_data):
    names = {}
    for split, expected in (("train", 6000), ("dev", 1000)):
        dataset = load("flickr8k", split, data_dir=real_data / "flickr8k")
        assert int(dataset.cardinality()) == expected
        names[split] = []
        for element in dataset.as_numpy_iterator():
            names[split].append(element["image_id"])
            assert element["image_bytes"].startswith(b"\xff\xd8")
            assert len(element["captions"]) == 5
            assert all(c == c.strip() and c for c in element["captions"])
        assert len(set(names[split])) == expected
    assert not set(names["train"]) & set(names["dev"])


@pytest.mark.data
def test_real_test_split_is_loaded_or_said_to_be_absent(real_data):
    try:
        count, _ = flickr8k.examples("test", data_dir=real_data / "flickr8k")
    except ValueError as error:
        assert "0 of 1,000 images of split `test` are in" in str(error)  # noqa: PT017
    else:
        assert count == 1000
