"""The translation report: everything escaped, nothing from outside, maps of the right shape."""

import re

import numpy as np
import pytest

from pipelines.contract import Evaluation
from pipelines.report import write_report
from pipelines.translation.evaluation import Alignment, Answers, Example
from pipelines.translation.flags import Train
from pipelines.translation.report import choose_examples, heat_map, report_sections

_EVIL = "<script>alert(1)</script>"


def _alignment():
    weights = np.array([[0.7, 0.2, 0.1], [0.0, 0.25, 0.75]])
    return Alignment(["▁A", "▁dog", "<end>"], ["▁Ein", "▁Hund"], weights)


def _example(index, score, **changes):
    texts = (f"{kind} {index}" for kind in ("source", "reference", "answer"))
    example = Example(*texts, 0.5, _alignment(), score=score)
    return example._replace(**changes)


def _write(folder, examples):
    path = folder / "report.html"
    lengths = [("1 to 8", 200, 38.5), ("9 to 30", 199, 31.25)]
    answers = Answers(examples, lengths, {"bleu": "nrefs:1|case:mixed"})
    write_report(path, "Translation", report_sections(Train(), Evaluation({}, answers)))
    return path.read_text(encoding="utf-8")


def test_sections_have_all_their_parts_and_nothing_from_outside(tmp_path):
    page = _write(tmp_path, [_example(i, float(i)) for i in range(30)])
    for text in ("nrefs:1|case:mixed", "1 to 8", "38.5", "▁Hund", "chrF 29.0", ".heat"):
        assert text in page
    for heading in ("Best", "Worst", "Random"):
        assert f"<h2>{heading} translations</h2>" in page
    assert not re.search(r"(src|href)=[\"']?https?:", page)


def test_whatever_the_model_says_is_escaped(tmp_path):
    bad = Alignment([_EVIL], [_EVIL], np.ones((1, 1)))
    example = _example(0, 1.0, source=_EVIL, reference=_EVIL, translation=_EVIL, alignment=bad)
    page = _write(tmp_path, [example])
    assert _EVIL not in page
    assert page.count("&lt;script&gt;") == 5


def test_a_model_without_attention_has_no_maps(tmp_path):
    page = _write(tmp_path, [_example(0, 1.0, alignment=None, translation="")])
    assert "<details>" not in page
    assert "(nothing)" in page


def test_groups_are_by_score_and_share_no_example():
    examples = [_example(i, float(i % 20)) for i in range(20)]
    groups = choose_examples(examples, shown=4)
    assert [e.score for e in groups["Best"]] == [19, 18, 17, 16]
    assert [e.score for e in groups["Worst"]] == [0, 1, 2, 3]
    shown = [e.source for group in groups.values() for e in group]
    assert len(shown) == len(set(shown)) == 12
    assert choose_examples(examples, shown=4) == groups
    assert [len(group) for group in choose_examples(examples[:2]).values()] == [1, 1, 0]


def test_heat_map_has_a_row_a_piece_written_and_a_column_a_piece_read():
    table = heat_map(_alignment())
    assert table.count("<tr>") == 3
    assert table.count("<td") == 6
    assert re.findall(r'title="([\d.]+)"', table) == [
        "0.70",
        "0.20",
        "0.10",
        "0.00",
        "0.25",
        "0.75",
    ]
    with pytest.raises(ValueError, match=r"`weights` must have shape \(2, 3\). Got \(3, 2\)"):
        heat_map(_alignment()._replace(weights=np.ones((3, 2))))
