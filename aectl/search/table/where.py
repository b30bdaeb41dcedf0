"""A filter of runs, `model=vae and val/psnr>20`: parsed by hand, nothing of it is evaluated as code."""

import fnmatch
import operator
import re
from collections.abc import Callable
from typing import NamedTuple

from aectl.config import spell
from aectl.errors import UserError
from aectl.search.table.facts import RunFacts
from aectl.search.table.flat_config import Value
from aectl.search.table.names import Names, value_of

Test = Callable[[RunFacts], bool]
TOKEN = re.compile(r"""\s*(?:(?P<text>'[^']*'|"[^"]*")|(?P<sign><=|>=|!=|==|[=<>~(),])|(?P<word>[^\s=<>!~(),'"]+))""")
ORDERS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
COMPARISONS = ("=", "==", "!=", "~", *ORDERS)
MOST_CHARACTERS, MOST_LEVELS = 1_000, 20
EXAMPLE = "expected a filter such as 'model=vae and val/psnr>20'"


class Token(NamedTuple):
    """A word, a text in quotes without them, or a sign."""

    kind: str
    text: str


def parse_where(text: str, names: Names) -> Test:
    """The test that a filter describes; a UserError for one that cannot be read or names what no run has.

    `and`, `or`, `not` and brackets join comparisons: `=`, `!=`, `<`, `<=`, `>`, `>=`, and `~` for a pattern with `*`
    and `?`. `model=ae,vae` is true for either. A comparison with what a run does not have is false.
    """
    if len(text) > MOST_CHARACTERS:
        raise UserError(f"where={text[:40]}...: {len(text):,} characters; expected at most {MOST_CHARACTERS:,}")
    return Parser(text, names).parse()


class Parser:
    """Reads a filter from left to right."""

    def __init__(self, text: str, names: Names) -> None:
        self.where, self.names = f"where={text}", names
        self.tokens = self.split(text)
        self.level = 0

    def split(self, text: str) -> list[Token]:
        tokens, position = [], 0
        while text[position:].strip():
            found = TOKEN.match(text, position)
            if found is None:
                raise self.error(f"{text[position:].strip()[:20]} is not understood")
            kind = str(found.lastgroup)
            tokens.append(Token(kind, found[kind][1:-1] if kind == "text" else found[kind]))
            position = found.end()
        return tokens

    def error(self, problem: str) -> UserError:
        return UserError(f"{self.where}: {problem}; {EXAMPLE}")

    def parse(self) -> Test:
        test = self.alternatives()
        if self.tokens:
            raise self.error(f"{self.tokens[0].text} is not expected there; join comparisons by and or or")
        return test

    def alternatives(self) -> Test:
        tests = [self.conjunction()]
        while self.takes("or"):
            tests.append(self.conjunction())
        return tests[0] if len(tests) == 1 else lambda run: any(test(run) for test in tests)

    def conjunction(self) -> Test:
        tests = [self.condition()]
        while self.takes("and"):
            tests.append(self.condition())
        return tests[0] if len(tests) == 1 else lambda run: all(test(run) for test in tests)

    def condition(self) -> Test:
        self.level += 1
        if self.level > MOST_LEVELS:
            raise self.error(f"more than {MOST_LEVELS} brackets and nots in each other")
        try:
            if self.takes("not"):
                test = self.condition()
                return lambda run: not test(run)
            if self.takes("("):
                test = self.alternatives()
                if not self.takes(")"):
                    raise self.error("a bracket is not closed")
                return test
            return self.comparison()
        finally:
            self.level -= 1

    def comparison(self) -> Test:
        name = self.names.resolve(self.next("the name of a key or metric").text, self.where)
        sign = self.next(f"one of {' '.join(COMPARISONS)} after {name}").text
        if sign not in COMPARISONS:
            raise self.error(f"{sign} after {name} is not understood; expected one of {' '.join(COMPARISONS)}")
        values = [self.next(f"a value after {name}{sign}").text]
        while self.takes(","):
            values.append(self.next("a value after the comma").text)
        if sign in ORDERS:
            return self.ordering(name, sign, values)
        return choosing(name, sign, values)

    def ordering(self, name: str, sign: str, values: list[str]) -> Test:
        limit = as_number(values[0])
        if limit is None or len(values) > 1:
            raise self.error(f"{name}{sign}{','.join(values)}: not a number")

        def test(run: RunFacts) -> bool:
            value = as_number(value_of(run, name))
            return value is not None and bool(ORDERS[sign](value, limit))

        return test

    def takes(self, text: str) -> bool:
        """Whether this word or sign comes next, which is then done with."""
        if self.tokens and self.tokens[0].text == text and self.tokens[0].kind != "text":
            self.tokens.pop(0)
            return True
        return False

    def next(self, expected: str) -> Token:
        if not self.tokens or (self.tokens[0].kind == "sign" and not expected.startswith("one of")):
            raise self.error(f"{expected} is missing")
        return self.tokens.pop(0)


def choosing(name: str, sign: str, values: list[str]) -> Test:
    """Whether a value is one of several, or not."""

    def test(run: RunFacts) -> bool:
        value = value_of(run, name)
        found = any(equals(value, each, sign == "~") for each in values)
        return not found if sign == "!=" else found

    return test


def equals(value: Value, wanted: str, pattern: bool) -> bool:
    if pattern:
        return value is not None and fnmatch.fnmatchcase(spell(value), wanted)
    number, other = as_number(value), as_number(wanted)
    return number == other if number is not None and other is not None else spell(value) == wanted


def as_number(value: Value) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    try:
        return float(value)
    except ValueError:
        return None
