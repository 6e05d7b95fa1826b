"""The corpus itself: large, without repetitions, and of all kinds."""

from tests.hostile import corpus_files, corpus_images, corpus_text

TINY = corpus_images.encoded("PNG", corpus_images.picture(4, 4))
KINDS = {
    "images": corpus_images.images,
    "texts": corpus_text.texts,
    "huge texts": corpus_text.huge,
    "tables": corpus_files.tables,
    "aligned files": corpus_files.aligned,
    "captioned images": lambda: corpus_files.captioned(TINY),
    "Flickr8k": lambda: corpus_files.flickr(TINY),
    "reviews": corpus_files.reviews,
    "JSON": corpus_files.jsons,
}
MANY = 300


def test_there_are_many_and_each_is_another():
    sizes = {}
    for kind, items in KINDS.items():
        names = [name for name, _ in items()]
        assert len(set(names)) == len(names), kind
        sizes[kind] = len(names)
    print(sizes)
    assert sum(sizes.values()) >= MANY
    assert sizes["images"] >= 200
    assert sizes["texts"] >= 100


def test_most_images_are_different_bytes():
    images = [data for _, data in corpus_images.images()]
    assert len(set(images)) > 0.97 * len(images)
