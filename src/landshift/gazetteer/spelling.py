"""One key for all spellings of a Korean place name.

Kyongsong, Kyŏngsŏng, Gyeongseong and 경성 are one name in four writings: McCune-Reischauer without
and with its marks, Revised Romanisation, Hangul. The key keeps what all of them tell apart and
drops the rest, so now and then two places share one; then both are found.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import product

_INITIALS = ("g", "kk", "n", "d", "tt", "r", "m", "b", "pp", "s", "ss", "", "j", "jj", "ch", "k",
             "t", "p", "h")  # fmt: skip
_VOWELS = ("a", "ae", "ya", "yae", "eo", "e", "yeo", "ye", "o", "wa", "wae", "oe", "yo", "u", "wo",
           "we", "wi", "yu", "eu", "ui", "i")  # fmt: skip
_FINALS = ("", "k", "k", "k", "n", "n", "n", "t", "l", "k", "m", "l", "l", "l", "p", "l", "m", "p",
           "p", "t", "t", "ng", "t", "t", "k", "t", "p", "t")  # fmt: skip
_FIRST, _LAST = 0xAC00, 0xD7A3
_RIEUL = 5
_HANGUL_KIND = re.compile("(?<=..)(?:구역|[군시읍동리])$")
_LATIN_KIND = re.compile(r"(?:[- ](?:gun|kun|up|eup|si|shi|dong|ri|ni|county|city))$")
_SAME_SOUND = (
    ("eo", "o"), ("eu", "u"), ("sh", "s"), ("ch", "c"), ("j", "c"), ("ph", "p"), ("th", "t"),
    ("kh", "k"), ("g", "k"), ("d", "t"), ("b", "p"), ("l", "r"),
)  # fmt: skip


def folded(name: str) -> str:
    """``name`` without marks, case, hyphens, and the word for county or town; any script."""
    text = unicodedata.normalize("NFC", name).strip()
    text = _HANGUL_KIND.sub("", text)
    if not is_hangul(text):
        marks = unicodedata.normalize("NFKD", text)
        text = "".join(c for c in marks if not unicodedata.combining(c)).casefold()
        text = _LATIN_KIND.sub("", text)
    return "".join(c for c in text if c.isalnum())


def sound_keys(name: str) -> frozenset[str]:
    """Keys under which a name may be looked for; Hangul has several, as r and n give way."""
    text = folded(name)
    romanised = _romanised(text) if is_hangul(text) else {text}
    return frozenset(_sound(latin) for latin in romanised if latin.isascii() and latin)


def is_hangul(text: str) -> bool:
    """Whether all letters are Hangul syllables."""
    return bool(text) and all(_FIRST <= ord(c) <= _LAST for c in text if c.isalnum())


def _romanised(text: str) -> set[str]:
    """Revised Romanisation, syllable by syllable, with northern and southern r."""
    choices = []
    for syllable in text:
        initial, rest = divmod(ord(syllable) - _FIRST, len(_VOWELS) * len(_FINALS))
        vowel, final = divmod(rest, len(_FINALS))
        tail = _VOWELS[vowel] + _FINALS[final]
        heads = [_INITIALS[initial]]
        if initial == _RIEUL:
            heads += ["n", ""] if tail[0] in "yi" else ["n"]
        choices.append([head + tail for head in heads])
    return {"".join(parts) for parts in product(*choices)}


def _sound(latin: str) -> str:
    for written, sound in _SAME_SOUND:
        latin = latin.replace(written, sound)
    return re.sub(r"(.)\1", r"\1", latin)
