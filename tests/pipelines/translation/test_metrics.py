"""Translation metrics against sacreBLEU's own command, and what they say about themselves."""

import subprocess
import sys

import pytest
from sacrebleu.metrics import CHRF

from pipelines.translation.metrics import Counts, bleu, bleu_tokens

CANDIDATES = ["Ein Hund rennt über die Wiese.", "Zwei Männer sitzen auf einer Bank.", ""]
REFERENCES = ["Ein Hund läuft über die Wiese.", "Zwei männer sitzen auf einer Bank.", "Ein Kind."]


def counted(candidates, references, language):
    counts = Counts(language)
    counts.add(candidates, references)
    return counts


def test_equals_the_command_line_of_sacrebleu(tmp_path):
    (tmp_path / "refs").write_text("\n".join(REFERENCES) + "\n")
    (tmp_path / "hyps").write_text("\n".join(CANDIDATES) + "\n")
    command = [sys.executable, "-m", "sacrebleu", "refs", "-i", "hyps", "-b", "-w", "4", "-m"]
    counts = counted(CANDIDATES, REFERENCES, "de")
    measured = counts.metrics()
    for name, options in (
        ("bleu", ["bleu"]),
        ("chrf", ["chrf"]),
        ("bleu_lower", ["bleu", "-lc"]),
    ):
        output = subprocess.run(
            [*command, *options], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        assert float(output.stdout) == pytest.approx(measured[name], abs=1e-4)
    assert measured["bleu"] < measured["bleu_lower"]  # "Männer", "männer"
    assert measured["length_ratio"] == pytest.approx(14 / 17)
    assert bleu(CANDIDATES, REFERENCES, "de") == measured["bleu"]


def test_signatures_say_how_it_was_counted():
    signatures = counted(CANDIDATES, REFERENCES, "de").signatures()
    assert "case:mixed" in signatures["bleu"]
    assert "tok:13a" in signatures["bleu"]
    assert "case:lc" in signatures["bleu_lower"]
    assert "nc:6|nw:0" in signatures["chrf"]
    assert all("version:" in signature for signature in signatures.values())


def test_languages_without_spaces_are_counted_by_characters():
    assert [bleu_tokens(name) for name in ("de", "zh-TW", "ja_JP")] == ["13a", "zh", "char"]
    counts = counted(["我喜欢红色的狗。"], ["我喜欢绿色的狗。"], "zh")
    assert 0 < counts.metrics()["bleu"] < 100
    assert "tok:zh" in counts.signatures()["bleu"]


def test_equal_texts_have_the_best_scores():
    measured = counted(REFERENCES, REFERENCES, "de").metrics()
    best = {"bleu": 100, "chrf": 100, "bleu_lower": 100, "length_ratio": 1}
    assert measured == pytest.approx(best)


def test_sentences_are_counted_part_by_part_and_scored_alone_or_in_groups():
    whole, parts = counted(CANDIDATES, REFERENCES, "de"), Counts("de")
    parts.add(CANDIDATES[:1], REFERENCES[:1])
    parts.add(CANDIDATES[1:], REFERENCES[1:])
    assert parts.metrics() == whole.metrics()
    scores = [whole.score("chrf", [row]).score for row in range(3)]
    assert scores[2] == 0 < scores[0] < scores[1] < 100
    scorer = CHRF()
    for row, score in enumerate(scores):
        sentence = scorer.sentence_score(CANDIDATES[row], [REFERENCES[row]])
        assert score == pytest.approx(sentence.score)
    pair = whole.score("bleu", [0, 1]).score
    assert pair == pytest.approx(bleu(CANDIDATES[:2], REFERENCES[:2], "de"))


@pytest.mark.parametrize(("candidates", "references"), [([], []), (["a"], ["a", "b"])])
def test_lengths_must_agree(candidates, references):
    with pytest.raises(ValueError, match="`candidates` and `references` must have the same"):
        counted(candidates, references, "de")
