"""Writes series/<name>.json: what Python LightGBM says of the series in ../series, through features computed here in plain Python.

    pip install lightgbm==4.7.0 numpy==2.4.6 holidays==0.109
    python from_series.py

Every sum runs in the order of src/forecast/features.rs, from the oldest value to the newest, so that both sides hand the same floats to
the trees. One step ahead: the model of the first `train` buckets, lags from the values that came (the model's own forecast where a value is
missing). The sd is that of the pooled out-of-sample errors of five expanding-window folds.
"""

import json
import math
import pathlib
import platform
import sys

import holidays
import lightgbm
import numpy as np

import make

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "series"))
import series  # noqa: E402

FOLDS = 5
# name: season, buckets held out, whether German holidays are known
CASES = {
    "uneven-days": (7, 60, False),
    "small-days": (7, 60, False),
    "growing-days": (7, 84, False),
    "shifted-days": (7, 60, False),
    "bursting-days": (7, 60, False),
    "outage-days": (7, 60, False),
    "holiday-days": (7, 63, True),
    "yearly-days": (7, 91, False),
    "outage-hours": (24, 168, False),
    "quiet-hours": (24, 120, False),
    "night-hours": (24, 200, False),
    "rare-days": (7, 60, False),
    "no-season": (7, 60, False),
    "sixty-days": (7, 6, False),
    "ten-days-of-hours": (24, 48, False),
    "three-years": (7, 100, True),
    "peer-days": (7, 92, False),
}


def mean_and_sd(window):
    """Of one season of values, oldest first; deviations are taken from the oldest."""
    n, oldest = float(len(window)), window[0]
    total, shift = 0.0, 0.0
    for value in window:
        total += value
        shift += value - oldest
    shift /= n
    squares = 0.0
    for value in window:
        deviation = value - oldest - shift
        squares += deviation * deviation
    return total / n, math.sqrt(squares / (n - 1.0))


def row(stamp, recent, season, hourly, known):
    """Features of the bucket at `stamp`, whose two seasons before are `recent`."""
    calendar = [stamp.weekday(), float(stamp.weekday() >= 5), stamp.month, stamp.day, stamp.timetuple().tm_yday]
    minute = [stamp.hour * 60 + stamp.minute] if hourly else []
    lags = [recent[-1], recent[-season], recent[-2 * season]]
    holiday = [] if known is None else [float(str(stamp.date()) in known)]
    return [float(value) for value in (*calendar, *minute, *lags, *mean_and_sd(recent[-season:]), *holiday)]


def walk(stamps, values, season, known, stand_in):
    """Feature row and value of every bucket with two seasons before it; a missing value is what `stand_in` makes of the past and the row."""
    hourly = (stamps[1] - stamps[0]).days == 0
    recent = []
    for stamp, value in zip(stamps, values):
        features = row(stamp, recent, season, hourly, known) if len(recent) >= 2 * season else None
        if features is not None:
            yield features, value
        if value is None:
            value = stand_in(recent, features)
        if value is not None:
            recent.append(value)


def season_before(season):
    """Stands in for a missing value while there is no model."""

    def stand_in(recent, _):
        return recent[-season] if len(recent) >= season else recent[-1] if recent else None

    return stand_in


def model_or(model, before):
    """Stands in for a missing value once there is a model."""
    return lambda recent, features: before(recent, features) if features is None else model.predict([features])[0]


def pooled_sd(x, y, settings):
    start = len(y) // 2
    size = (len(y) - start) // FOLDS
    errors = []
    for fold in range(FOLDS):
        begin = start + fold * size
        end = len(y) if fold + 1 == FOLDS else begin + size
        model = make.train(x[:begin], y[:begin], settings)
        errors += [value - forecast for value, forecast in zip(y[begin:end].tolist(), model.predict(x[begin:end]).tolist())]
    # Not `sum`, which some versions of Python compensate.
    mean = 0.0
    for error in errors:
        mean += error
    mean /= len(errors)
    squares = 0.0
    for error in errors:
        squares += (error - mean) * (error - mean)
    return math.sqrt(squares / len(errors))


def write(name, season, held_out, with_holidays):
    stamps, values = series.read(name)
    train, settings = len(values) - held_out, make.DEFAULTS
    days = series.german_holidays(stamps) if with_holidays else {}
    known = {day for dates in days.values() for day in dates} if with_holidays else None
    before = season_before(season)
    rows = [(features, value) for features, value in walk(stamps[:train], values[:train], season, known, before) if value is not None]
    x, y = np.array([features for features, _ in rows]), np.array([value for _, value in rows])
    model = make.train(x, y, settings)
    ahead = list(walk(stamps, values, season, known, model_or(model, before)))[-held_out:]
    data = {
        "versions": make.versions() | {"holidays": holidays.__version__},
        "settings": settings | {"season": season, "folds": FOLDS},
        "start": stamps[0].isoformat(),
        "step": "1h" if (stamps[1] - stamps[0]).days == 0 else "1d",
        "train": train,
        "holidays": days,
        "in_sample": model.predict(x).tolist(),
        "one_step": [model.predict([features])[0].item() for features, _ in ahead],
        "sd": pooled_sd(x, y, settings),
    }
    (HERE / "series").mkdir(exist_ok=True)
    (HERE / "series" / f"{name}.json").write_text(json.dumps(data, separators=(",", ":")) + "\n")
    print(f"{name:18} {len(y):5} rows, {x.shape[1]} columns, {held_out:4} held out, sd {data['sd']:.4f}")


if __name__ == "__main__":
    for name, case in CASES.items():
        write(name, *case)
