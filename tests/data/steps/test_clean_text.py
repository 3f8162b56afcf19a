import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfrec.data.steps.clean_text import CleanText
from tfrec.errors import InputError

OFF = dict.fromkeys(("tags", "invisible", "unicode", "casefold", "spaces"), False)


@pytest.mark.parametrize(
    "switch, text, expected",
    [
        ("tags", "<p class='a>b'>Red<br/>shoe</p>", " Red shoe "),
        ("tags", "run<em>ning</em> m<sup>2</sup>", "running m2"),  # tags inside a word
        ("tags", "AT&amp;T &#49;0&nbsp;cm", "AT&T 10\u00a0cm"),
        ("tags", "a<!-- note --><script>if (a<b) x()</script>b<style>p {}</style>c", "a  b  c"),
        ("tags", "size < 5 & > 3", "size < 5 & > 3"),
        ("tags", "&lt;b&gt;", "<b>"),  # what a browser shows
        ("tags", "<![x &amp; y", "<![x & y"),  # html.parser gives up on this one
        ("invisible", "shoe\u200bs\ufeff \u00adand\x00 \u202edots\ud800", "shoes and dots"),
        ("invisible", "a\tb\nc", "a\tb\nc"),  # white space is the other switch
        ("unicode", "ＡＢＣ１２ ﬁne e\u0301 ½", "ABC12 fine \u00e9 1\u20442"),
        ("casefold", "Straße ΣΊΣΥΦΟΣ", "strasse σίσυφοσ"),
        ("spaces", "  a \t\n b\u3000c\u00a0", "a b c"),
    ],
)
def test_each_switch_does_its_part(switch, text, expected):
    assert CleanText(**OFF | {switch: True}).clean(text) == expected
    assert CleanText(**OFF).clean(text) == text


def test_all_parts_together():
    """Entities first, so that what they stand for is cleaned as well: &#8203; is a zero-width space, &nbsp; white."""
    assert CleanText().clean(" <b>CAFE\u0301</b>&#8203;s&nbsp;&nbsp;ＸＬ\n") == "caf\u00e9s xl"


@given(st.text(st.characters(codec="utf-8")))
def test_cleaning_twice_is_cleaning_once(text):
    """Without tags, where `&amp;lt;` may mean something new each time."""
    step = CleanText(tags=False)
    once = step.clean(text)
    assert step.clean(once) == once
    assert once == " ".join(once.split())


@given(st.text())
def test_any_text_can_be_cleaned_and_is_valid_utf8(text):
    assert CleanText().clean(text).encode("utf-8").decode("utf-8").strip() == CleanText().clean(text)


def test_each_different_string_is_cleaned_once():
    class Counting(CleanText):
        calls = 0

        def clean(self, text):
            Counting.calls += 1
            return super().clean(text)

    events = pd.DataFrame({"query": ["A", "b ", "A", None, "b "]}, index=[4, 9, 2, 3, 1])
    cleaned = Counting().events(events)
    assert cleaned["query"].tolist() == ["a", "b", "a", "", "b"] and cleaned.index.tolist() == [4, 9, 2, 3, 1]
    assert Counting.calls == 2


def test_columns_are_listed_and_others_stay():
    items = pd.DataFrame({"text": ["A"], "brand": ["B"], "kind": ["C"]})
    assert CleanText(items=["text", "brand"]).items(items).iloc[0].tolist() == ["a", "b", "C"]


def test_query_is_cleaned_where_the_log_has_it_but_a_listed_column_must_be_there():
    events = pd.DataFrame({"user": [1], "note": ["A"]})
    assert CleanText().events(events)["note"].tolist() == ["A"]
    assert CleanText(events=["note"]).events(events)["note"].tolist() == ["a"]
    with pytest.raises(InputError, match=r"step.clean_text: the event log has no column 'query' \(it has user, note\)"):
        CleanText(events=["query"]).events(events)


def test_a_category_column_becomes_strings():
    items = pd.DataFrame({"text": pd.Categorical(["A", "B", "A"])})
    assert CleanText().items(items)["text"].tolist() == ["a", "b", "a"]


def test_what_is_no_text_is_refused():
    with pytest.raises(InputError, match="the item table, column 'text' holds 3, which is no text"):
        CleanText().items(pd.DataFrame({"text": [3]}))


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        ({"items": "text"}, r"step.clean_text.items is 'text': write a list"),
        ({"items": ["text", "text"]}, "list of different column names"),
        ({"tags": "yes"}, "step.clean_text.tags is 'yes': choose true or false"),
    ],
)
def test_arguments_are_checked(arguments, sentence):
    with pytest.raises(InputError, match=sentence):
        CleanText(**arguments)
