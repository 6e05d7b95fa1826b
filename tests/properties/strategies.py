"""What may come as text: any Unicode, often the characters that mean something to the code."""

from hypothesis import strategies as st

_MARKUP = st.sampled_from(
    ["<br />", "&amp;", "&quot;", "&lt;", "&#39;", "&#x27;", "<b>", "</b>", "&", ";", "<", ">", "."]
)
_ODD = st.sampled_from(
    ["\0", "\n", "\r\n", "\t", "\u00a0", "\u2028", "\u0301", "\u200d", "\ufeff", "é", "e\u0301",
     "▁", "ß", "İ", "\u202e", "🙂", "👩🏽‍🚀", "中", "ไ", "\ue000", "\U0010ffff", "'", '"', ",",
     " ", "n't"]
)  # fmt: skip

# Unicode that UTF-8 can write, up to some dozens of characters.
texts = st.lists(st.one_of(st.text(max_size=8), _MARKUP, _ODD), max_size=12).map("".join)
# With lone surrogates, as `errors="surrogateescape"` makes them of broken bytes.
escaped = st.binary(max_size=40).map(lambda raw: raw.decode("utf-8", "surrogateescape"))
# A text that may hold either.
any_texts = st.one_of(texts, escaped, st.tuples(texts, escaped).map("".join))
