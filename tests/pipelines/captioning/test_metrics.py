"""Caption metrics against formulas written out, another package, worked values, real captions."""

import math
import random
import zipfile
from collections import Counter

import numpy as np
import pytest
from rouge_score import rouge_scorer

from pipelines.captioning.metrics import (
    caption_metrics,
    metrics_notes,
    rouge_l,
    tokenize_for_metrics,
)


def _sentences(count, seed):
    """Sentences of 4 to 9 of a few words: short enough to share n-grams of all orders."""
    rng = random.Random(seed)
    names = ["dog", "cat", "runs"]
    return [" ".join(rng.choices(names, k=rng.randrange(4, 10))) for _ in range(count)]


def _papineni(candidates, references, order):
    """BLEU of Papineni et al. 2002, sections 2.1 to 2.3."""
    logs, candidate_length, reference_length = [], 0, 0
    for n in range(1, order + 1):
        matches = total = 0
        for candidate, texts in zip(candidates, references, strict=True):
            counts, *others = (
                Counter(zip(*(words[i:] for i in range(n)), strict=False))
                for words in (candidate.split(), *(t.split() for t in texts))
            )
            matches += sum(min(c, max(o[gram] for o in others)) for gram, c in counts.items())
            total += sum(counts.values())
        logs.append(math.log(matches / total))
    for candidate, texts in zip(candidates, references, strict=True):
        length = len(candidate.split())
        candidate_length += length
        reference_length += min((abs(len(t.split()) - length), len(t.split())) for t in texts)[1]
    brevity = min(0.0, 1 - reference_length / candidate_length)
    return 100 * math.exp(brevity + sum(logs) / order)


def test_bleu_equals_the_papers_formula():
    candidates = _sentences(60, seed=1)
    references = [_sentences(1 + i % 5, seed=10 + i) for i in range(60)]
    result = caption_metrics(candidates, references)
    for n in range(1, 5):
        assert result[f"bleu_{n}"] == pytest.approx(_papineni(candidates, references, n), rel=1e-9)
    assert 0 < result["bleu_4"] < result["bleu_3"] < result["bleu_2"] < result["bleu_1"] < 100


def test_bleu_of_the_papers_examples():
    """Papineni et al. 2002, examples 1 and 2: precisions 17/18, 8/14 and, clipped, 2/7."""
    references = [
        "It is a guide to action that ensures that the military will forever heed Party commands",
        "It is the guiding principle which guarantees the military forces always being under the "
        "command of the Party",
        "It is the practical guide for the army always to heed the directions of the party",
    ]
    first = (
        "It is a guide to action which ensures that the military always obeys the commands of "
        "the party"
    )
    second = "It is to insure the troops forever hearing the activity guidebook that party direct"
    clipped = ["The cat is on the mat", "There is a cat on the mat"]
    assert caption_metrics([first], [references])["bleu_1"] == pytest.approx(100 * 17 / 18)
    brevity = math.exp(1 - 16 / 14)  # the nearest reference has 16 words
    assert caption_metrics([second], [references])["bleu_1"] == pytest.approx(
        100 * brevity * 8 / 14
    )
    result = caption_metrics(["the the the the the the the"], [clipped])
    assert result["bleu_1"] == pytest.approx(100 * 2 / 7)
    assert result["bleu_2"] == result["bleu_4"] == 0.0


def test_rouge_l_equals_rouge_score_with_beta():
    """With one reference, coco-caption's F is the weighted mean of rouge_score's P and R."""
    scorer = rouge_scorer.RougeScorer(["rougeL"])
    for candidate, reference in zip(_sentences(50, 3), _sentences(50, 4), strict=True):
        other = scorer.score(reference, candidate)["rougeL"]
        p, r = other.precision, other.recall
        expected = (1 + 1.2**2) * p * r / (r + 1.2**2 * p) if p else 0.0
        assert rouge_l(candidate.split(), [reference.split()]) == pytest.approx(expected, rel=1e-12)


def test_rouge_l_by_hand():
    """P and R may come from different references: P = 3/4 of the first, R = 2/2 of the second."""
    references = [["a", "b", "c", "x", "y", "z"], ["a", "c"]]
    expected = (1 + 1.44) * 0.75 * 1.0 / (1.0 + 1.44 * 0.75)
    assert rouge_l(["a", "b", "c", "d"], references) == pytest.approx(expected, rel=1e-12)
    assert rouge_l(["q"], references) == 0.0
    assert rouge_l([], references) == 0.0
    assert rouge_l(["a"], [[], ["a"]]) == 1.0


def test_perfect_captions():
    captions = ["A red dog runs fast.", "Two small cats sleep on it."]
    result = caption_metrics(captions, [[caption] * 2 for caption in captions])
    assert [result[f"bleu_{n}"] for n in range(1, 5)] == pytest.approx([100.0] * 4)
    assert result["cider_d"] == pytest.approx(10.0)
    assert result["rouge_l"] == pytest.approx(1.0)
    assert result["mean_length"] == 5.5
    assert result["distinct"] == 1.0


def test_empty_candidates_score_zero_and_count():
    references = [["a red dog runs"], ["two small cats sleep"]]
    half = caption_metrics(["a red dog runs", ""], references)
    whole = caption_metrics(["a red dog runs", "two small cats sleep"], references)
    for key in ("cider_d", "rouge_l"):
        assert half[key] == pytest.approx(whole[key] / 2)
    assert half["mean_length"] == 2.0
    nothing = caption_metrics(["", " . "], references)
    assert nothing["distinct"] == 0.5
    assert all(nothing[key] == 0.0 for key in nothing if key != "distinct")


def test_copies_are_counted():
    result = caption_metrics(["A dog.", "a dog", "a cat"], [["a dog"], ["a man"], ["a cat"]])
    assert result["distinct"] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A man 's dog .", "a man 's dog"),
        ("Two dogs' toys, \"red\"; isn't it?!", "two dogs toys red is n't it"),
        ("A black-and-white cat -- asleep...", "a black-and-white cat asleep"),
        ("A boy (left) can't jump", "a boy -lrb- left -rrb- ca n't jump"),
        ("  ", ""),
        ("Café naïve №5", "café naïve №5"),
    ],
)
def test_tokenize(text, words):
    """The expected words are what the Java PTB tokenizer and coco-caption's list give."""
    assert tokenize_for_metrics(text) == words.split()


class _WordNet:
    """Stands for NLTK's WordNet data: installed, and without any synonyms."""

    def ensure_loaded(self):
        pass

    def synsets(self, _word):
        return []


def test_meteor_where_wordnet_is_installed(monkeypatch):
    monkeypatch.setattr("nltk.corpus.wordnet", _WordNet())
    result = caption_metrics(["a red dog runs", ""], [["a red dog runs", "cats"], ["a man"]])
    # Banerjee and Lavie 2005: F = 1, one chunk over four matches: penalty 0.5 (1/4)³
    assert result["meteor"] == pytest.approx((1 - 0.5 / 64) / 2)
    assert any("METEOR (0 to 1)" in note for note in metrics_notes())


def test_no_meteor_without_wordnet(monkeypatch):
    class Missing:
        def ensure_loaded(self):
            raise LookupError("wordnet")

    monkeypatch.setattr("nltk.corpus.wordnet", Missing())
    assert "meteor" not in caption_metrics(["a dog"], [["a dog"]])
    assert any("METEOR is left out" in note for note in metrics_notes())


@pytest.mark.parametrize(
    ("candidates", "references", "message"),
    [
        ([], [], "`candidates` must hold at least one caption"),
        (["a"], [], "same length. Got 1 and 0"),
        (["a", "b"], [["a"], []], "Image 1 has none"),
        (["a"], ["a dog"], "Image 0 has the string 'a dog'"),
    ],
)
def test_bad_input(candidates, references, message):
    with pytest.raises(ValueError, match=message):
        caption_metrics(candidates, references)


@pytest.mark.data
def test_people_on_flickr8k_dev(real_data):
    """Reference 0 against the other four; the numbers are those of coco-caption's own code.

    pycocoevalcap 1.2 with its Java tokenizer gave CIDEr-D 0.80366, ROUGE-L 0.49173 and BLEU
    62.751, 44.343, 30.708, 21.160. Its BLEU counts no n-grams in captions that are too short.
    """
    with zipfile.ZipFile(real_data / "flickr8k" / "Flickr8k_text.zip") as archive:
        lines = archive.read("Flickr8k.token.txt").decode().splitlines()
        dev = archive.read("Flickr_8k.devImages.txt").decode().split()
    captions = {}
    for name, text in (line.split("\t") for line in lines):
        captions.setdefault(name.split("#")[0], []).append(text)
    result = caption_metrics(
        [captions[name][0] for name in dev], [captions[name][1:] for name in dev]
    )
    assert result["cider_d"] == pytest.approx(0.8036617887303764, rel=1e-9)
    assert result["rouge_l"] == pytest.approx(0.49173408652537204, rel=1e-9)
    bleu = [result[f"bleu_{n}"] for n in range(1, 5)]
    np.testing.assert_allclose(bleu[:2], [62.75129488, 44.34297958], rtol=1e-9)
    np.testing.assert_allclose(bleu[2:], [30.70812933, 21.16009850], rtol=3e-4)
