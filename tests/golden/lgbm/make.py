"""Writes one JSON file per data set: inputs, settings and the predictions of Python LightGBM, in and out of sample.

    pip install lightgbm==4.7.0 numpy==2.4.6
    python make.py

Every data set is drawn from a fixed seed. Predictions are written with repr, so that reading them back gives the same floats.
"""

import json
import pathlib
import platform

import lightgbm
import numpy as np

HERE = pathlib.Path(__file__).parent
DEFAULTS = {"trees": 1000, "learning_rate": 0.05, "leaves": 31, "min_data_in_leaf": 20, "max_bin": 255, "min_data_in_bin": 3}
NEW_ROWS = 40


def week(rng, n):
    """Daily counts: integers, a weekday pattern, lags and a rolling mean."""
    t = np.arange(n + 14)
    counts = rng.poisson(120 + 80 * (t % 7 < 5) + 0.1 * t).astype(float)
    rows = range(14, n + 14)
    x = [[i % 7, i % 7 >= 5, i % 31, counts[i - 1], counts[i - 7], counts[i - 14], round(counts[i - 7 : i].mean(), 4)] for i in rows]
    return np.array(x, float), counts[14:]


def hours(rng, n):
    """Hourly counts with many zeros at night."""
    t = np.arange(n)
    y = rng.poisson(np.maximum(0.0, 6 * np.sin((t % 24 - 6) / 24 * 2 * np.pi))).astype(float)
    lag = np.roll(y, 1)
    return np.stack([t % 24, t // 24 % 7, lag, np.roll(y, 24), np.round(rng.normal(0, 3, n), 1)], axis=1), y


def signs(rng, n):
    """Columns of both signs around zero, negative targets."""
    x = np.round(rng.normal(0, 4, (n, 5)), 1)
    x[rng.random((n, 5)) < 0.15] = 0.0
    return x, np.round(x[:, 0] * 3 - x[:, 1] ** 2 + rng.normal(0, 1, n), 3)


def negative(rng, n):
    """Columns without any positive value."""
    x = -np.round(rng.gamma(2, 3, (n, 4)), 2)
    return x, np.round(-x[:, 0] + 2 * x[:, 1] + rng.normal(0, 1, n), 2)


def ties(rng, n):
    """Few distinct values, equal columns, equal gains."""
    x = rng.integers(0, 4, (n, 4)).astype(float)
    x = np.column_stack([x, x[:, 0], 3 - x[:, 1], np.full(n, 2.0)])
    return x, (x[:, 0] + x[:, 1] * x[:, 2]).round()


def sparse(rng, n):
    """One value, not zero, fills most of a column; others are mostly zero."""
    x = np.round(rng.normal(0, 2, (n, 5)), 1)
    x[rng.random(n) < 0.75, 0] = 1.5
    x[rng.random(n) < 0.85, 1] = 0.0
    x[rng.random(n) < 0.8, 2] = -0.7
    return x, np.round(np.abs(x[:, 0]) * 2 + x[:, 1] + x[:, 2] * x[:, 3] + rng.normal(0, 0.3, n), 2)


def neighbours(rng, n):
    """Values one float apart, and values of very different sizes."""
    base = rng.choice([0.1, 0.3, 1e-3, 1e6, 12345.678], n)
    up = np.nextafter(base, np.where(rng.random(n) < 0.5, np.inf, base))
    scale = 10.0 ** rng.integers(-8, 9, n) * rng.choice([-1.0, 1.0], n)
    return np.column_stack([up, scale, np.round(rng.normal(0, 1, n), 2)]), np.round(np.log10(base) + np.log10(np.abs(scale)) + rng.normal(0, 1, n), 3)


def smooth(rng, n):
    """More distinct values than bins."""
    x = np.round(rng.random((n, 3)) * [1000, 1, 50] - [0, 0.3, 0], 4)
    return x, np.round(np.sin(x[:, 0] / 90) * 10 + x[:, 1] * 5 + x[:, 2] / 10 + rng.normal(0, 1, n), 3)


def constant(rng, n):
    """Nothing to explain."""
    return rng.integers(0, 30, (n, 2)).astype(float), np.full(n, 7.3)


SETS = [
    ("week-60", week, 60, {}),
    ("week-259", week, 259, {}),
    ("week-365-small-leaves", week, 365, {"min_data_in_leaf": 3, "leaves": 63, "trees": 150}),
    ("hours-720", hours, 720, {"trees": 300}),
    ("hours-1440", hours, 1440, {"trees": 300}),
    ("signs-150", signs, 150, {}),
    ("signs-400", signs, 400, {"trees": 400, "leaves": 7}),
    ("negative-200", negative, 200, {"trees": 400}),
    ("ties-300", ties, 300, {"trees": 400, "learning_rate": 0.3}),
    ("sparse-500", sparse, 500, {"trees": 400}),
    ("neighbours-180", neighbours, 180, {"trees": 300, "min_data_in_bin": 1}),
    ("smooth-900", smooth, 900, {"trees": 300}),
    ("leaves-of-one-80", signs, 80, {"min_data_in_leaf": 1, "leaves": 64, "trees": 60}),
    ("constant-90", constant, 90, {}),
]


def train(x, y, settings):
    params = {
        "objective": "regression",
        "learning_rate": settings["learning_rate"],
        "num_leaves": settings["leaves"],
        "min_data_in_leaf": settings["min_data_in_leaf"],
        "max_bin": settings["max_bin"],
        "min_data_in_bin": settings["min_data_in_bin"],
        "deterministic": True,
        "force_col_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    }
    return lightgbm.train(params, lightgbm.Dataset(x, y, params=params), num_boost_round=settings["trees"])


def versions():
    return {"python": platform.python_version(), "lightgbm": lightgbm.__version__, "numpy": np.__version__}


def main():
    for number, (name, draw, n, changes) in enumerate(SETS):
        settings = DEFAULTS | changes
        x, y = draw(np.random.default_rng([2024, number]), n + NEW_ROWS)
        booster = train(x[:n], y[:n], settings)
        in_sample, out_of_sample = booster.predict(x[:n]), booster.predict(x[n:])
        data = {
            "versions": versions(),
            "settings": settings,
            "width": x.shape[1],
            "values": x[:n].ravel().tolist(),
            "targets": y[:n].tolist(),
            "new_values": x[n:].ravel().tolist(),
            "in_sample": in_sample.tolist(),
            "out_of_sample": out_of_sample.tolist(),
        }
        text = json.dumps(data, separators=(",", ":")).replace(".0,", ",").replace(".0]", "]")
        (HERE / f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
