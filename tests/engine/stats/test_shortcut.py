import pytest

from engine.stats.estimate import known, unknown, without_interval
from engine.stats.shortcut import shortcut_alarm

NAMES = (
    "fires_on_degenerate_positive",
    "fires_on_degenerate_negative",
    "fires_on_good_positive",
    "fires_on_good_negative",
)


def rates(degenerate_positive, degenerate_negative, good_positive, good_negative, *, half=0.1, n=40):
    values = (degenerate_positive, degenerate_negative, good_positive, good_negative)
    return {
        name: unknown("there is none", method="firing rate")
        if value is None
        else known(value, max(0.0, value - half), min(1.0, value + half), n=n, method="firing rate")
        for name, value in zip(NAMES, values, strict=True)
    }


def test_a_lens_that_fires_on_degenerate_negatives_is_told_with_its_rates():
    alarm = shortcut_alarm(rates(0.9, 0.8, 0.85, 0.1))
    assert "80% of 40 degenerate negatives but on 10% of 40 good ones" in alarm
    assert alarm.count(". ") == 0


def test_degenerate_outputs_of_the_positive_arm_alone_raise_the_alarm_where_good_positives_are_missed():
    assert "95% of 40 degenerate positives" in shortcut_alarm(rates(0.95, None, 0.4, 0.1))


def test_telling_degenerate_arms_apart_excuses_firing_on_loops_about_the_concept():
    assert shortcut_alarm(rates(0.95, 0.1, 0.4, 0.1)) is None
    assert shortcut_alarm(rates(0.95, 0.9, 0.4, 0.9)) is not None


@pytest.mark.parametrize(
    "measures",
    [
        rates(0.9, 0.1, 0.9, 0.1),
        rates(0.9, 0.8, 0.4, 0.1, half=0.4),
        rates(None, None, 0.9, 0.1),
        {name: without_interval(v, n=3, method="", because="few") for name, v in zip(NAMES, (1, 1, 0, 0), strict=True)},
        {},
    ],
    ids=["reads the concept", "intervals meet", "no degenerate output", "no interval", "nothing measured"],
)
def test_without_clear_evidence_there_is_no_alarm(measures):
    assert shortcut_alarm(measures) is None
