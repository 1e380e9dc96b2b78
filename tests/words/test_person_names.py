"""Normal forms of people's names, in all cases and orders.

Modules: words.person_names
"""

from __future__ import annotations

import pytest
from helpers.places import CASES as FOLDER

from pipekit.words.chars import fold
from pipekit.words.person_names import CASES, MAN, WOMAN, person_name

# Names in six cases, with | between them.
MEN = [
    "Иван|Ивана|Ивану|Ивана|Иваном|Иване",
    "Сергей|Сергея|Сергею|Сергея|Сергеем|Сергее",
    "Игорь|Игоря|Игорю|Игоря|Игорем|Игоре",
    "Юрий|Юрия|Юрию|Юрия|Юрием|Юрии",
    "Илья|Ильи|Илье|Илью|Ильёй|Илье",
    "Никита|Никиты|Никите|Никиту|Никитой|Никите",
    "Лев|Льва|Льву|Льва|Львом|Льве",
    "Павел|Павла|Павлу|Павла|Павлом|Павле",
    "Отто|Отто|Отто|Отто|Отто|Отто",
]
WOMEN = [
    "Анна|Анны|Анне|Анну|Анной|Анне",
    "Ольга|Ольги|Ольге|Ольгу|Ольгой|Ольге",
    "Мария|Марии|Марии|Марию|Марией|Марии",
    "Дарья|Дарьи|Дарье|Дарью|Дарьей|Дарье",
    "Любовь|Любови|Любови|Любовь|Любовью|Любови",
]
FATHERS = [
    "Иванович|Ивановича|Ивановичу|Ивановича|Ивановичем|Ивановиче",
    "Васильевич|Васильевича|Васильевичу|Васильевича|Васильевичем|Васильевиче",
    "Ильич|Ильича|Ильичу|Ильича|Ильичом|Ильиче",
]
DAUGHTERS = [
    "Петровна|Петровны|Петровне|Петровну|Петровной|Петровне",
    "Аркадьевна|Аркадьевны|Аркадьевне|Аркадьевну|Аркадьевной|Аркадьевне",
    "Ильинична|Ильиничны|Ильиничне|Ильиничну|Ильиничной|Ильиничне",
]
LAST_OF_MEN = [
    "Петров|Петрова|Петрову|Петрова|Петровым|Петрове",
    "Ильин|Ильина|Ильину|Ильина|Ильиным|Ильине",
    "Чайковский|Чайковского|Чайковскому|Чайковского|Чайковским|Чайковском",
    "Толстой|Толстого|Толстому|Толстого|Толстым|Толстом",
    "Бондарчук|Бондарчука|Бондарчуку|Бондарчука|Бондарчуком|Бондарчуке",
    "Коваль|Коваля|Ковалю|Коваля|Ковалем|Ковале",
    "Заяц|Зайца|Зайцу|Зайца|Зайцем|Зайце",
    "Глинка|Глинки|Глинке|Глинку|Глинкой|Глинке",
    "Шевченко|Шевченко|Шевченко|Шевченко|Шевченко|Шевченко",
    "Черных|Черных|Черных|Черных|Черных|Черных",
]
LAST_OF_WOMEN = [
    "Петрова|Петровой|Петровой|Петрову|Петровой|Петровой",
    "Ильина|Ильиной|Ильиной|Ильину|Ильиной|Ильиной",
    "Чайковская|Чайковской|Чайковской|Чайковскую|Чайковской|Чайковской",
    "Толстая|Толстой|Толстой|Толстую|Толстой|Толстой",
    "Бондарчук|Бондарчук|Бондарчук|Бондарчук|Бондарчук|Бондарчук",
    "Шевченко|Шевченко|Шевченко|Шевченко|Шевченко|Шевченко",
]
ORDERS = {
    "first last": (0, 2),
    "last first": (2, 0),
    "first patronymic": (0, 1),
    "first patronymic last": (0, 1, 2),
    "last first patronymic": (2, 0, 1),
}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS.keys())
@pytest.mark.parametrize("gender", [MAN, WOMAN])
def test_any_name_in_any_case_goes_back_to_the_nominative(
    gender: str,
    order: tuple[int, ...],
) -> None:
    lists = (MEN, FATHERS, LAST_OF_MEN) if gender == MAN else (WOMEN, DAUGHTERS, LAST_OF_WOMEN)
    wrong = []
    names = 0
    for first in lists[0]:
        for number, last in enumerate(lists[2]):
            parts = [first, lists[1][number % 3], last]
            for column, case in enumerate(CASES):
                words = [parts[part].split("|")[column] for part in order]
                wanted = [parts[part].split("|")[0] for part in order]
                name = person_name(words, [case] * len(words), [gender] * len(words))
                names += 1
                if name is None or list(map(fold, name.words)) != list(map(fold, wanted)):
                    wrong.append((words, name))
    assert len(wrong) <= names // 200, wrong


def test_the_words_agree_though_the_tagger_is_mistaken() -> None:
    name = person_name(["Наталье", "Петровне"], ["Loc", "Dat"], [MAN, MAN])
    assert name is not None
    assert name.words == ("Наталья", "Петровна")
    assert name.gender == WOMAN


def test_initials_stay_and_the_tagger_says_whose_they_are() -> None:
    man = person_name(["С.", "И.", "Петрова"], [None, None, "Gen"], [None, None, MAN])
    woman = person_name(["С.", "И.", "Петрова"], [None, None, "Nom"], [None, None, WOMAN])
    assert man is not None
    assert woman is not None
    assert man.words == ("С.", "И.", "Петров")
    assert woman.words == ("С.", "И.", "Петрова")


def test_where_nothing_decides_the_score_is_low() -> None:
    sure = person_name(["Ивану", "Петрову"], [None, None], [None, None])
    unsure = person_name(["Петрова"], [None], [None])
    assert sure is not None
    assert unsure is not None
    assert unsure.score < sure.score


@pytest.mark.parametrize("words", [["Smith"], ["Петров", "1"], ["«Петров»"], []])
def test_what_is_no_russian_name_has_no_form(words: list[str]) -> None:
    assert person_name(words, [None] * len(words), [None] * len(words)) is None


@pytest.mark.parametrize(
    "case", (FOLDER / "person_names_ru.txt").read_text(encoding="utf-8").splitlines()
)
def test_a_name_without_a_tagger(case: str) -> None:
    text, nominative = case.split("|")
    words = text.split()
    name = person_name(words, [None] * len(words), [None] * len(words))
    assert name is not None
    assert fold(" ".join(name.words)) == fold(nominative)
