"""What users send, and what they never should: hypothesis strategies shared by the tests."""

from __future__ import annotations

from hypothesis import strategies as st

RUSSIAN = "абвгдежзийклмнопрстуфхцчшщъыьэюяёАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЭЮЯЁ"
WORDS = (
    "мама",
    "Москва",
    "кто-то",
    "по-моему",
    "т.е.",
    "и т. д.",
    "А. С. Пушкин",
    "10-й",
    "5-10",
    "3,14",
    "50%",
    "Су-27",
    "г.",
    "СПб.",
)
DECOMPOSED = ("и\u0306", "е\u0308", "И\u0306", "Е\u0308", "за\u0301мок", "до\u0301ма")
INVISIBLE = tuple("\u00ad\u200b\u200c\u200d\u2060\ufeff\ufe0f\u200e\u200f\u202a\u202e\u2066\u2069")
SPACES = (
    " ",
    "  ",
    "\t",
    "\n",
    "\r\n",
    "\n\n",
    "\u00a0",
    "\u2028",
    "\u2029",
    "\u3000",
    "\x1f",
    "\x85",
)
FORBIDDEN = ("\x00", "\ud800", "\udfff", "\ufffe", "\uffff", "\U0010ffff", "\ufdd0")
EMOJI = ("😂", "👍🏻", "🤷‍♀️", "❤️", "👨‍👩‍👧‍👦", "🇷🇺", "1️⃣", "☝", ":)", ";-)", ")))", "=D", "^_^")
PUNCTUATION = (
    *"«»„“”\"'`…—–-№.,!?:;()[]{}/\\|@#$%^&*_+=<>~§",
    "...",
    "!!!",
    "?!",
    "--",
    "''",
    "&quot;",
)
ADDRESSES = (
    "https://пример.рф/путь?q=1&w=2",
    "www.site.ru",
    "mail@site.ru",
    "@name",
    "#тег",
    "file.txt",
    "http://",
    "+7-900-123-45-67",
)


def hostile_text(max_size: int = 30) -> st.SearchStrategy[str]:
    """Texts that tokenizers stumble over, mixed with any characters, even lone surrogates."""
    pieces = (WORDS, DECOMPOSED, INVISIBLE, SPACES, FORBIDDEN, EMOJI, PUNCTUATION, ADDRESSES)
    anything = st.text(st.characters(exclude_categories=()), max_size=3)
    piece = st.one_of(st.text(RUSSIAN, max_size=5), anything, *map(st.sampled_from, pieces))
    return st.lists(piece, max_size=max_size).map("".join)
