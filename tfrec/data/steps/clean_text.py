"""One spelling for what is the same text."""

import html
import unicodedata
from html.parser import HTMLParser

import pandas as pd

from tfrec.data.interactions import require_columns
from tfrec.data.steps.columns import named, require_names, require_switch, source
from tfrec.data.steps.step import Step
from tfrec.errors import InputError

# Tags inside a word do not part it, as in "run<em>ning</em>"; any other tag parts words, as in "shirt<br>blue".
INLINE = frozenset("a abbr b bdi bdo cite code em font i mark s small span strong sub sup u wbr".split())
UNSEEN = frozenset(("script", "style"))
INVISIBLE = frozenset(("Cc", "Cf", "Cs"))  # control, format (zero-width, direction, soft hyphen), half a surrogate pair


class CleanText(Step):
    """Cleans text columns: `spaces(NFKC(casefold(NFKC(visible(untagged(text))))))`, each part a switch.

    Each different string is cleaned once a call. Columns stay in place and become strings; a missing text is "".
    Nothing is fitted, so the first period is cleaned as any other. Normal forms: Unicode Standard Annex 15.

    Args:
        items: text columns of the item table.
        events: text columns of the events; None is `query`, if the log has it.
        tags: HTML tags, comments, scripts and styles removed, entities such as `&amp;` replaced by what they mean.
        invisible: control and zero-width characters removed. This joins what a zero-width non-joiner parts, which
            Persian and Indic scripts use inside words: switch it off for them.
        unicode: NFKC, which makes full-width letters, ligatures and composed accents one form.
        casefold: no difference between upper and lower case.
        spaces: runs of white space become one space, none at the ends.

    Raises:
        InputError: an argument of the wrong type, a column that is missing or holds anything but strings.
    """

    def __init__(
        self,
        items: list[str] = ("text",),
        events: list[str] | None = None,
        tags: bool = True,
        invisible: bool = True,
        unicode: bool = True,
        casefold: bool = True,
        spaces: bool = True,
    ) -> None:
        self._items = require_names("clean_text", "items", items)
        self._events = None if events is None else require_names("clean_text", "events", events)
        switches = {
            "tags": tags,
            "invisible": invisible,
            "unicode": unicode,
            "casefold": casefold,
            "spaces": spaces,
        }
        for key, value in switches.items():
            require_switch("clean_text", key, value)
        self.tags, self.invisible, self.unicode, self.casefold, self.spaces = switches.values()

    def items(self, items: pd.DataFrame) -> pd.DataFrame:
        """The listed columns cleaned."""
        return self._cleaned(items, self._items, source("clean_text", "items"))

    def events(self, events: pd.DataFrame) -> pd.DataFrame:
        """The listed columns cleaned, or `query` if none are listed and there is one."""
        columns = [name for name in ("query",) if name in events] if self._events is None else self._events
        return self._cleaned(events, columns, source("clean_text", "events"))

    def clean(self, text: str) -> str:
        """One string cleaned."""
        if self.tags and ("<" in text or "&" in text):
            text = without_tags(text)
        if self.invisible and not text.isprintable():
            text = "".join(c for c in text if c.isspace() or unicodedata.category(c) not in INVISIBLE)
        plain = text.isascii()  # ASCII is its own NFKC, and stays ASCII when casefolded
        if self.unicode and not plain:
            text = unicodedata.normalize("NFKC", text)
        if self.casefold:
            text = text.casefold()
            if self.unicode and not plain:  # casefolding may take a letter apart
                text = unicodedata.normalize("NFKC", text)
        return " ".join(text.split()) if self.spaces else text

    def _cleaned(self, table: pd.DataFrame, columns: list[str], where: str) -> pd.DataFrame:
        require_columns(table, columns, where)
        return table.assign(**{column: self._column(table[column], where) for column in columns})

    def _column(self, values: pd.Series, where: str) -> pd.Series:
        codes, different = pd.factorize(values)
        for text in different:
            if not isinstance(text, str):
                raise InputError(
                    f"{where}, column '{values.name}' holds {text!r}, which is no text: convert the column to "
                    "strings, or leave it out of the step."
                )
        return named([*map(self.clean, different), ""], codes, values.index)  # the code of a missing text is -1


def without_tags(text: str) -> str:
    """What a browser would show of `text`, tags that part words as spaces.

    A `<` that opens no tag stays, as in "size < 5".
    """
    if "<" not in text:
        return html.unescape(text)
    reader = _Reader()
    try:
        reader.feed(text)
        reader.close()
    except AssertionError:  # html.parser's answer to a declaration such as "<![if x]"
        return html.unescape(text)
    return "".join(reader.seen)


class _Reader(HTMLParser):
    """Collects the text between tags in `seen`."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.seen: list[str] = []
        self._unseen: str | None = None

    def handle_data(self, data: str) -> None:
        if self._unseen is None:
            self.seen.append(data)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        if tag in UNSEEN:
            self._unseen = tag
        self._part(tag)

    def handle_startendtag(self, tag: str, attrs: list) -> None:
        self._part(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag == self._unseen:
            self._unseen = None
        self._part(tag)

    def _part(self, tag: str) -> None:
        if tag not in INLINE:
            self.seen.append(" ")
