"""Words for what a value is worth, and the numbers that stand for them in the table of readings."""

from contracts.codec import ContractError
from contracts.quantities import Quality
from gateway.storage.ports import Statements

GOOD = 0
"""The code that judges and curves go by: no other word is ever good."""
MOST_QUALITIES = 200


class Qualities:
    """The words of one store; newer edges bring new ones."""

    def __init__(self, store: Statements) -> None:
        self._store = store
        self._codes: dict[str, int] = {}
        self._words: dict[int, str] = {}
        for code, word in store.rows("qualities"):
            self._codes[word], self._words[code] = code, word

    def code(self, word: str) -> int:
        """Give the code of a word, taken up where it is new; raise ContractError."""
        code = self._codes.get(word)
        if code is None:
            if not word or len(self._codes) >= MOST_QUALITIES:
                raise ContractError(f"{word!r} is no quality, or one more than {MOST_QUALITIES}")
            row = self._store.one("new_quality", word)
            assert row is not None
            code = int(row[0])
            self._codes[word], self._words[code] = code, word
        return code

    def word(self, code: int) -> str:
        """Give the word of a code."""
        return self._words.get(code, Quality.UNAVAILABLE)
