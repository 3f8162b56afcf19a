import math
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfrec.data.steps.time import NAMES, Time
from tfrec.errors import InputError


def at(*times):
    return pd.DataFrame({"timestamp": pd.to_datetime(list(times))})


def test_parts_are_strings_of_the_local_time():
    """New Year in Berlin is 23:00 UTC of the day before, a Sunday; in July the clock is two hours ahead."""
    events = at("2023-12-31 23:00", "2024-07-01 05:30")
    utc, berlin = Time().events(events), Time("Europe/Berlin").events(events)
    assert utc["hour"].tolist() == ["hour 23", "hour 05"] and berlin["hour"].tolist() == ["hour 00", "hour 07"]
    assert utc["weekday"].tolist() == ["Sunday", "Monday"] and berlin["weekday"].tolist() == ["Monday", "Monday"]
    assert utc["month"].tolist() == ["month 12", "month 07"] and berlin["month"].tolist() == ["month 01", "month 07"]
    assert list(utc) == ["timestamp", "hour", "weekday", "month"]


@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2035, 1, 1)),
    st.sampled_from(["UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]),
)
def test_parts_are_those_of_the_standard_library(time, zone):
    step = Time(zone, cyclic=True)
    row = step.events(at(time)).iloc[0]
    local = time.replace(tzinfo=UTC).astimezone(step.timezone)
    assert row["hour"] == f"hour {local.hour:02d}"
    assert row["weekday"] == NAMES["weekday"][local.isoweekday() - 1]
    assert row["month"] == f"month {local.month:02d}"
    day = (local.hour * 3600 + local.minute * 60 + local.second) / 86_400
    passed = {"hour": day, "weekday": (local.isoweekday() - 1 + day) / 7}
    for part, share in passed.items():
        assert math.isclose(row[f"{part}_sin"], math.sin(2 * math.pi * share), abs_tol=1e-3)  # a second is 7e-5
        assert math.isclose(row[f"{part}_cos"], math.cos(2 * math.pi * share), abs_tol=1e-3)


def test_cyclic_numbers_go_round():
    """Six o'clock is a quarter of the day, Thursday noon half of the week, the 16th of April 3.5 of 12 months."""
    made = Time(cyclic=True).events(at("2024-01-01 06:00", "2024-01-04 12:00", "2024-04-16 00:00"))
    assert made.loc[0, ["hour_sin", "hour_cos"]].tolist() == pytest.approx([1, 0], abs=1e-6)
    assert made.loc[1, ["weekday_sin", "weekday_cos"]].tolist() == pytest.approx([0, -1], abs=1e-6)
    angle = 2 * math.pi * 3.5 / 12
    assert made.loc[2, ["month_sin", "month_cos"]].tolist() == pytest.approx([math.sin(angle), math.cos(angle)])
    assert (made.dtypes[["hour_sin", "weekday_cos", "month_sin"]] == np.float32).all()


def test_times_with_a_zone_are_taken_as_they_are():
    events = pd.DataFrame({"timestamp": pd.to_datetime(["2024-01-01 12:00"]).tz_localize("Asia/Tokyo")})
    assert Time().events(events)["hour"].tolist() == ["hour 03"]


def test_parts_can_be_chosen():
    assert list(Time(parts=["weekday"], cyclic=True).events(at("2024-01-01"))) == [
        "timestamp",
        "weekday",
        "weekday_sin",
        "weekday_cos",
    ]


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        ({"timezone": "Berlin"}, "step.time.timezone is 'Berlin', which is no time zone: write UTC or a name such as"),
        ({"timezone": ""}, "which is no time zone"),
        ({"timezone": "../UTC"}, "which is no time zone"),
        ({"timezone": None}, "which is no time zone"),
        ({"parts": ["minute"]}, r"step.time.parts is \['minute'\]: choose among hour, weekday, month"),
        ({"parts": []}, "choose among hour, weekday, month"),
        ({"cyclic": "no"}, "step.time.cyclic is 'no': choose true or false"),
    ],
)
def test_arguments_are_checked(arguments, sentence):
    with pytest.raises(InputError, match=sentence):
        Time(**arguments)


def test_what_is_no_time_is_refused():
    with pytest.raises(InputError, match="step.time: the event log, column 'timestamp' holds .*, not times"):
        Time().events(pd.DataFrame({"timestamp": ["2024"]}))
