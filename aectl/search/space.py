"""The space of a search, in Hydra's syntax: what of a command line varies, and within what."""

from collections.abc import Iterator, Sequence

from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import Trial

from aectl.errors import UserError
from aectl.search.strategies import spellings

DIGITS = 6
"""Of a real number that is drawn."""


class Space:
    """The overrides of a search.

    Arguments:
        overrides: of the command line; a later one of the same key replaces an earlier one.

    Raises:
        UserError: nothing varies, or an interval is empty.
    """

    def __init__(self, overrides: Sequence[Override]) -> None:
        self.fixed: dict[str, str] = {}
        self.varied: dict[str, BaseDistribution] = {}
        for override in overrides:
            key = override.get_key_element()
            if override.is_sweep_override():
                self.varied[key] = distribution(override)
            else:
                self.fixed[key] = override.get_value_element_as_str()
        if not self.varied:
            raise UserError(
                "sweep=optuna: nothing to search; expected a space, such as model.latent_dim='choice(2,8,32)' "
                "optimizer.lr='tag(log,interval(1e-4,1e-2))'"
            )

    def examples(self) -> Iterator[list[str]]:
        """Points that together have every single choice, to see whether they are valid."""
        first = {key: choices(domain)[0] for key, domain in self.varied.items()}
        for key, domain in self.varied.items():
            for value in choices(domain):
                yield [f"{key}={value}" for key, value in {**self.fixed, **first, key: value}.items()]

    def draw(self, trial: Trial) -> list[str]:
        """The overrides of a trial, the same whenever it is asked."""
        values = {key: suggest(trial, key, domain) for key, domain in self.varied.items()}
        return [f"{key}={value}" for key, value in {**self.fixed, **values}.items()]

    def has(self, overrides: Sequence[str]) -> bool:
        """Whether these are the overrides of a point in the space."""
        values = dict(word.partition("=")[::2] for word in overrides)
        if values.keys() != {*self.fixed, *self.varied} or any(values[key] != self.fixed[key] for key in self.fixed):
            return False
        return all(contains(domain, values[key]) for key, domain in self.varied.items())


def distribution(override: Override) -> BaseDistribution:
    """The values of an override that varies: `choice`, a list and `glob`, `range`, or `interval` with the tag `log`."""
    value, said = override.value(), override.input_line
    try:
        if isinstance(value, IntervalSweep):
            assert value.start is not None and value.end is not None
            whole = isinstance(value.start, int) and isinstance(value.end, int)
            if whole:
                return IntDistribution(int(value.start), int(value.end), log="log" in value.tags)
            return FloatDistribution(value.start, value.end, log="log" in value.tags)
        if isinstance(value, RangeSweep) and not value.shuffle:
            steps = [float(word.rpartition("=")[2]) for word in spellings(override)]
            if all(step.is_integer() for step in steps):
                return IntDistribution(
                    int(steps[0]), int(steps[-1]), step=round(steps[1] - steps[0]) if steps[1:] else 1
                )
            return FloatDistribution(steps[0], steps[-1], step=float(value.step))
    except (ValueError, IndexError, AssertionError) as error:
        raise UserError(
            f"{said}: no interval to search ({error}); expected a smaller number and a larger one"
        ) from error
    return CategoricalDistribution([word.partition("=")[2] for word in spellings(override)])


def choices(domain: BaseDistribution) -> Sequence[object]:
    """The single choices, or the least value of an interval."""
    return domain.choices if isinstance(domain, CategoricalDistribution) else [domain.low]  # type: ignore[attr-defined]


def suggest(trial: Trial, key: str, domain: BaseDistribution) -> object:
    """The value of a key, as it is written in an override."""
    if isinstance(domain, IntDistribution):
        return trial.suggest_int(key, domain.low, domain.high, step=domain.step, log=domain.log)
    if isinstance(domain, FloatDistribution):
        value = trial.suggest_float(key, domain.low, domain.high, step=domain.step, log=domain.log)
        return min(max(float(f"{value:.{DIGITS}g}"), domain.low), domain.high)
    assert isinstance(domain, CategoricalDistribution)
    return trial.suggest_categorical(key, domain.choices)


def contains(domain: BaseDistribution, text: str) -> bool:
    if isinstance(domain, CategoricalDistribution):
        return text in domain.choices
    try:
        return domain.low <= float(text) <= domain.high  # type: ignore[attr-defined]
    except ValueError:
        return False
