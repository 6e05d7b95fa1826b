"""The captioning report, and the training captions that lie nearest."""

import base64
import html
import io
import random
import re
import time

import numpy as np
import pytest
from PIL import Image

from datasets.captioning import load
from pipelines.captioning.evaluation import Answers
from pipelines.captioning.flags import Train
from pipelines.captioning.report import (
    Example,
    choose_examples,
    confidence_section,
    example_sections,
    examples_of,
    nearest_captions,
    report_sections,
    risk_coverage_figure,
)
from pipelines.contract import Evaluation
from pipelines.report import write_report

_EVIL = "<script>alert(1)</script>"


def _photo(color="teal", size=(64, 48)):
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, "PNG")
    return buffer.getvalue()


def _example(index, score, **changes):
    words = f"caption number {index}"
    example = Example(
        number=index,
        caption=words,
        references=[f"first reference {index}", f"second reference {index}"],
        score=score,
        attention=np.full((3, 7, 7), 1 / 49),
        nearest_training_caption=f"training caption {index}",
        log_probability=-1.5,
    )
    return example._replace(**changes)


def _photos(numbers):
    return {number: _photo((10 * number % 256, 90, 120)) for number in numbers}


def _write(folder, examples, images=_photos, **options):
    """The page of examples' sections."""
    path = folder / "report.html"
    write_report(path, "Captions", example_sections(examples, images, **options))
    return path.read_text(encoding="utf-8")


def _decode(address):
    return Image.open(io.BytesIO(base64.b64decode(address.split(";base64,")[1], validate=True)))


def test_every_example_stands_in_the_report(tmp_path):
    examples = [_example(i, score=i / 10) for i in range(9)]
    text = _write(tmp_path, examples)
    for i in range(9):
        assert f'<p class="caption">caption number {i}</p>' in text
        assert f"<li>first reference {i}</li><li>second reference {i}</li>" in text
        assert f"training caption {i}<" in text
        assert f"CIDEr-D {i / 10:.2f}, log-probability -1.50" in text
    headings = ["Copying", "Best captions", "Worst captions", "Random captions"]
    assert re.findall("<h2>(.*?)</h2>", text) == [*headings, "Attention, word by word"]


def test_it_points_nowhere_outside_itself_and_nothing_in_it_runs(tmp_path):
    example = _example(
        1,
        score=1.0,
        caption=f"{_EVIL} b c",
        references=[_EVIL],
        nearest_training_caption=_EVIL,
    )
    examples = [example, _example(2, 2.0, caption=f"{_EVIL} b c")]
    text = _write(tmp_path, examples, lambda numbers: {1: b"no image", 2: _photo()})
    assert "http" not in text
    assert not re.search(r"url\((?!data:image/|#)", text)
    assert "<script" not in text
    assert text.count(html.escape(_EVIL)) >= 5
    assert "cannot be read" in text


def test_photographs_decode_back(tmp_path):
    text = _write(tmp_path, [_example(5, 1.0)], lambda numbers: {5: _photo((200, 40, 90))})
    (card,) = re.findall(r'<img src="(data:image/jpeg[^"]+)"', text)
    (panel,) = re.findall(r"--photo: url\((data:image/jpeg[^)]+)\)", text)
    for address in (card, panel):
        photo = _decode(address)
        assert photo.size == (64, 48)
        np.testing.assert_allclose(np.asarray(photo).mean((0, 1)), (200, 40, 90), atol=3)
    assert "--aspect: 64 / 48" in text


def test_attention_has_a_panel_for_each_word_and_is_hot_where_the_model_looked(tmp_path):
    attention = np.zeros((3, 2, 4))
    attention[0, 0, 1] = attention[1, 1, 3] = 1.0
    attention[2] = 1 / 8
    text = _write(tmp_path, [_example(0, 1.0, caption="a red dog", attention=attention)])
    panels = re.findall(
        r'<img src="(data:image/png[^"]+)" alt=""></div><figcaption>(.*?)</figcaption>', text
    )
    assert [word for _, word in panels] == ["a", "red", "dog"]
    maps = [np.asarray(_decode(address)).astype(int) for address, _ in panels]
    light = [panel[..., :3].sum(-1) for panel in maps]
    assert all(panel.shape == (2, 4, 4) for panel in maps)
    assert np.unravel_index(light[0].argmax(), (2, 4)) == (0, 1)
    assert np.unravel_index(light[1].argmax(), (2, 4)) == (1, 3)
    assert np.ptp(light[2]) == 0  # even attention is an even glow


def test_without_attention_and_without_words(tmp_path):
    text = _write(tmp_path, [_example(0, 1.0, attention=None)])
    assert "<h2>Attention" not in text
    changes = {"caption": "", "nearest_training_caption": "", "attention": np.zeros((0, 7, 7))}
    text = _write(tmp_path, [_example(1, 0.0, **changes)])
    assert "(no words)" in text
    assert "0 of these 1 captions" in text  # silence is not a copy
    assert "<h2>Attention" not in text
    assert "captions</h2>" not in _write(tmp_path, [])


def test_copies_are_marked_and_counted(tmp_path):
    copied = _example(0, 2.0, caption="A dog runs", nearest_training_caption="a dog runs.")
    text = _write(tmp_path, [copied, *(_example(i, 1.0) for i in range(1, 4))], shown=2)
    assert text.count('<span class="copied">(copied)</span>') == 1
    assert "1 of these 4 captions (25%)" in text


def test_best_worst_and_random():
    examples = [_example(i, score=float(i)) for i in random.Random(1).sample(range(50), 50)]
    groups = choose_examples(examples, shown=4)
    assert [example.score for example in groups["Best"]] == [49, 48, 47, 46]
    assert [example.score for example in groups["Worst"]] == [0, 1, 2, 3]
    middle = {example.score for example in groups["Random"]}
    assert len(middle) == 4
    assert middle <= set(range(4, 46))
    again = choose_examples(examples, shown=4)
    assert [e.score for e in again["Random"]] == [e.score for e in groups["Random"]]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 7, 18, 19])
def test_a_few_examples_are_each_shown_once(count):
    groups = choose_examples([_example(i, score=float(i)) for i in range(count)], shown=6)
    scores = [example.score for group in groups.values() for example in group]
    assert len(scores) == len(set(scores)) == min(count, 18)


def test_nearest_is_the_jaccard_overlap():
    training = ["Two cats sleep", "a red dog runs fast", "the dog is red"]
    (nearest,) = nearest_captions(["A red dog sleeps ."], training)
    # words a red dog, pairs a-red red-dog: 5 of the 4 + 3 + 1 and 5 + 4 + 1 parts
    assert nearest == ("a red dog runs fast", 5 / (8 + 10 - 5))


def test_one_only_where_the_words_and_their_order_are_the_same():
    # Swapping x and y keeps all words and all pairs of neighbours.
    training = ["a y a x a", "x a", "a a a"]
    (nearest,) = nearest_captions(["a x a y a"], training)
    assert nearest[0] == "a y a x a"
    assert 0.7 < nearest[1] < 1.0
    assert nearest_captions(["A x a y, a."], [*training, "a x a y a"]) == [("a x a y a", 1.0)]
    assert nearest_captions(["a a"], ["a a a", "a a"])[0] == ("a a", 1.0)


def test_nothing_shared():
    assert nearest_captions(["zebra", ""], ["a dog"]) == [("", 0.0), ("", 0.0)]
    assert nearest_captions([], ["a dog"]) == []
    with pytest.raises(ValueError, match="`training` must hold at least one caption"):
        nearest_captions(["a dog"], [])


def test_nearest_equals_comparing_with_each_and_is_fast():
    """1,000 against 30,000 takes 4 s on one core here; a tenth of the training captions here."""
    rng = random.Random(0)
    words = [f"w{i}" for i in range(300)]

    def sentences(count):
        return [
            " ".join(rng.choices(words[:40], k=3) + rng.choices(words, k=7)) for _ in range(count)
        ]

    training, candidates = sentences(3000), sentences(1000)
    start = time.perf_counter()
    found = nearest_captions(candidates, training)
    assert time.perf_counter() - start < 5.0
    for candidate, (_, similarity) in list(zip(candidates, found, strict=True))[:5]:
        alone = [nearest_captions([candidate], [text])[0][1] for text in training]
        assert similarity == max(alone)


def test_attention_must_have_a_map_for_each_word(tmp_path):
    with pytest.raises(ValueError, match=r"each of the 2 words. Got \(3, 7, 7\)"):
        _write(tmp_path, [_example(0, 1.0, caption="a dog")])


# From the answers of an exported model.


def answers_of(count):
    """Answers on `count` drawn scenes: to each the caption that people gave it first, in words."""
    records = load("demo", "dev", limit=count)
    references = [[c.decode() for c in r["captions"]] for r in records.as_numpy_iterator()]
    captions = [image[0] for image in references]
    words = [caption.split() for caption in captions]
    maps = [np.ones((len(row), 2, 2)) / 4 for row in words]
    return Answers(records, captions, references, [0.5] * count, words=words, attention=maps)


def test_examples_are_the_answers_with_their_scores():
    answers = answers_of(12)
    answers.captions[3] = answers.captions[4]
    answers.words[3] = answers.words[4]
    training = [image[1] for image in answers.references]
    examples = examples_of(answers, training)
    assert [example.number for example in examples] == list(range(12))
    assert [example.caption for example in examples] == answers.captions
    assert examples[3].score < examples[4].score
    assert examples[0].log_probability == pytest.approx(np.log(0.5))
    assert {example.nearest_training_caption for example in examples} <= set(training)


def test_images_are_those_of_the_numbers():
    answers = answers_of(6)
    files = [record["image_bytes"] for record in answers.records.as_numpy_iterator()]
    assert answers.images({4, 1}) == {1: files[1], 4: files[4]}
    assert answers.images(set()) == {}


def test_risk_falls_as_doubtful_captions_are_held_back(tmp_path):
    answers = answers_of(8)
    answers.captions[2:4] = ["nothing of the sort"] * 2  # which no reference bears out
    answers.confidences.extend([0.9, 0.8, 0.2, 0.3, 0.7, 0.6, 0.5, 0.4])
    answers.thresholds.extend([0.35] * 8)
    outside = {"kind": ["page", "cloud"] * 2, "score": [0.6, 0.4] * 2}
    answers.outside.update(**outside, confidence=[0.1, 0.95, 0.1, 0.4])
    mark, by_confidence, _ = risk_coverage_figure(answers).axes[0].get_lines()
    np.testing.assert_allclose(by_confidence.get_xdata(), np.arange(1, 9) / 8)
    np.testing.assert_allclose(by_confidence.get_ydata(), [0, 0, 0, 0, 0, 0, 1 / 7, 2 / 8])
    assert mark.get_xdata()[0] == 6 / 8
    section = confidence_section(answers)
    assert "Below a confidence of 0.350" in section.blocks[1]
    rows = re.findall(r"<tr>(.*?)</tr>", section.blocks[2])[1:]
    cells = [re.sub("<.*?>", " ", row).split() for row in rows]
    assert cells == [["page", "1", "0", "1"], ["cloud", "0.3438", "1", "0"]]


def test_sections_of_a_run(tmp_path):
    flags = Train(limit=6, cache_dir=tmp_path)
    sections = list(report_sections(flags, Evaluation({}, answers_of(6))))
    headings = ["How captions are measured", "Copying", "Best captions", "Worst captions"]
    headings += ["Random captions", "Attention, word by word"]
    assert [section.heading for section in sections] == headings
    training = {c.decode() for r in load("demo", "train", limit=6) for c in r["captions"].numpy()}
    assert any(caption in str(sections) for caption in training)
