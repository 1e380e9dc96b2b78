"""Texts that parts are asked about: plain ones, and those that users send and never should."""

from __future__ import annotations

PLAIN = (
    "Мама мыла раму.",
    "Иван Петров с 2019 г. работает в «Яндексе». Жену Ивана Петрова зовут Анна.",
    "Пишите на mama@rama.ru или @petrov, тел. +7 (495) 123-45-67, https://site.ru/a?b=1.",
    "Он купил три книги за 1 500 руб. 12.05.2021, а сдачу отдал брату!",
    "The cat sat on the mat. It was 3.14 metres long.",
)
HOSTILE = (
    "",
    " ",
    "\n",
    "а",
    ".",
    "\n\nДа.",
    " \t Два  пробела \u00a0 и табуляция\t",
    "Одна\r\nдругая\u2028третья\x85четвёртая",
    "ко\u0301т и\u0306од \u200b\u00ad",
    "x" * 300,
    "Кот спит. " * 40,
    "без точек и больших букв " * 30,
    "👍🏻 №5 — 3,14% 👨‍👩‍👧‍👦 🇷🇺 :-)",
    "a\ud800b\x00c",
    "\u202eимя\u202c \ufeff",
    "&quot;<b>«„“»</b>&quot;",
    "العربية 中文 日本語 ไทย",
    "?!?!... ))) «»",
)
