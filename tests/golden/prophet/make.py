"""Writes the fixtures of this folder with the original Prophet: series, settings, forecasts, fitted parameters and objective.

Run in an environment with the packages of requirements.txt: python make.py
"""

import json
import logging
import math
import pathlib
import platform
import sys

import cmdstanpy
import numpy as np
import pandas as pd
import prophet

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "series"))
import series  # noqa: E402

logging.disable(logging.WARNING)
SAMPLES = 16000
LEVEL = 0.99


def counts(mean, seed, dispersion=60.0):
    rng = np.random.default_rng(seed)
    return rng.poisson(mean * rng.gamma(dispersion, 1 / dispersion, len(mean))).astype(float)


def weekday(dates, shape=(1.25, 1.2, 1.1, 1.05, 1.0, 0.6, 0.5)):
    return np.array([shape[d.day_of_week] for d in dates])


def flat_trend():
    dates = pd.date_range("2024-02-05", periods=210 + 40)
    y = counts(120 * weekday(dates), 1)
    return dates, y, 210, {"growth": "flat"}, {}, {}


def holidays():
    dates = pd.date_range("2022-11-01", periods=415 + 60)
    trend = 90 + 0.08 * np.arange(len(dates))
    y = counts(trend * weekday(dates), 2)
    days = {
        "New Year": ["2023-01-01", "2024-01-01"],
        "Labour Day": ["2023-05-01", "2024-05-01"],
        "Christmas": ["2022-12-25", "2023-12-25"],
        "Boxing Day": ["2022-12-26", "2023-12-26"],
    }
    factor = {"New Year": 0.5, "Labour Day": 0.6, "Christmas": 0.4, "Boxing Day": 0.7}
    for name, stamps in days.items():
        for stamp in stamps:
            y[dates == pd.Timestamp(stamp)] = np.round(y[dates == pd.Timestamp(stamp)] * factor[name])
    return dates, y, 415, {}, days, {}


def yearly_weekly():
    dates = pd.date_range("2021-03-01", periods=800 + 60)
    i = np.arange(len(dates))
    trend = 100 + 0.05 * i + np.where(i > 400, 0.15 * (i - 400), 0.0)
    y = counts(trend * weekday(dates) * (1 + 0.2 * np.sin(2 * np.pi * i / 365.25)), 3)
    return dates, y, 800, {}, {}, {}


def multiplicative():
    dates = pd.date_range("2023-01-02", periods=365 + 45)
    i = np.arange(len(dates))
    trend = 60 + 0.4 * i - np.where(i > 200, 0.5 * (i - 200), 0.0)
    y = counts(trend * weekday(dates), 4)
    return dates, y, 365, {"seasonality_mode": "multiplicative"}, {}, {}


def hourly():
    dates = pd.date_range("2024-05-06", periods=24 * (28 + 4), freq="h")
    hour = 1 + 0.6 * np.sin(2 * np.pi * (dates.hour.to_numpy() - 8) / 24)
    y = counts(40 * hour * weekday(dates), 5)
    return dates, y, 24 * 28, {}, {}, {}


def regressor_and_gaps():
    dates = pd.date_range("2023-04-03", periods=240 + 30)
    rng = np.random.default_rng(6)
    price = np.round(20 + 3 * rng.standard_normal(len(dates)), 2)
    campaign = (rng.random(len(dates)) < 0.1).astype(float)
    y = counts((100 + 4 * (price - 20) + 30 * campaign) * weekday(dates), 7)
    y[rng.random(len(dates)) < 0.08] = np.nan
    return dates, y, 240, {"changepoint_prior_scale": 0.5}, {}, {"price": price, "campaign": campaign}


def bending_trend():
    dates = pd.date_range("2024-01-01", periods=200 + 100)
    i = np.arange(len(dates))
    trend = 100 + np.where(i < 60, i, 60 - 0.8 * (i - 60)) + np.where(i > 130, 1.5 * (i - 130), 0.0)
    y = counts(np.maximum(trend, 5) * weekday(dates), 8)
    return dates, y, 200, {"changepoint_prior_scale": 0.5}, {}, {}


# Of the series in ../series: fixture, series, buckets held out, settings, whether German public holidays are known. A season of the year that
# less than two years shall teach needs a tight prior: else nothing holds it outside the history, and the original's two optimizers differ by
# several standard deviations there.
SERIES = [
    ("uneven_days", "uneven-days", 60, {"seasonality_mode": "multiplicative"}, False),
    ("small_days", "small-days", 60, {"growth": "flat"}, False),
    ("growing_days", "growing-days", 60, {}, False),
    ("growing_days_pliant", "growing-days", 60, {"changepoint_prior_scale": 0.5, "seasonality_mode": "multiplicative"}, False),
    ("shifted_days", "shifted-days", 60, {}, False),
    ("bursting_days", "bursting-days", 60, {"seasonality_mode": "multiplicative"}, False),
    ("outage_days", "outage-days", 60, {}, False),
    ("holiday_days", "holiday-days", 60, {}, True),
    ("holiday_days_flat", "holiday-days", 60, {"growth": "flat", "seasonality_mode": "multiplicative"}, True),
    ("yearly_days", "yearly-days", 60, {"yearly": "on", "seasonality_prior_scale": 0.1}, False),
    ("rare_days", "rare-days", 60, {}, False),
    ("no_season", "no-season", 60, {"growth": "flat"}, False),
    ("sixty_days", "sixty-days", 14, {}, False),
    ("peer_days", "peer-days", 92, {}, False),
    ("three_years", "three-years", 100, {}, True),
    ("three_years_multiplicative", "three-years", 100, {"seasonality_mode": "multiplicative"}, True),
    ("ten_days_of_hours", "ten-days-of-hours", 48, {}, False),
    ("quiet_hours", "quiet-hours", 120, {"seasonality_mode": "multiplicative"}, True),
    ("night_hours", "night-hours", 168, {"growth": "flat"}, False),
    ("outage_hours", "outage-hours", 168, {"yearly": "on", "seasonality_prior_scale": 0.1}, False),
]


def of_series(name, held_out, settings, with_holidays):
    stamps, values = series.read(name)
    n = len(values) - held_out
    days = series.german_holidays(stamps) if with_holidays else {}
    # The original gives a holiday it never saw a column of zeros, whose weight is 0 at the optimum; here it has none.
    learnt = {str(stamp.date()) for stamp, value in zip(stamps[:n], values) if value is not None}
    days = {name: dates for name, dates in days.items() if learnt & set(dates)}
    return pd.DatetimeIndex(stamps), np.array([math.nan if v is None else v for v in values]), n, settings, days, {}


def originals(settings):
    """Settings under the names of the original."""
    switch = {"on": True, "off": False}
    return {f"{k}_seasonality" if k in ("yearly", "weekly", "daily") else k: switch.get(v, v) for k, v in settings.items()}


def objective(model):
    """Negative log posterior of the fitted parameters as Stan counts it, constants dropped."""
    p = {name: np.asarray(value)[0] for name, value in model.params.items() if name != "trend"}
    history, changes = model.history, np.asarray(model.changepoints_t)
    features, scales = model.make_all_seasonality_features(history)[:2]
    x, t, y = features.to_numpy(), history["t"].to_numpy(), history["y_scaled"].to_numpy()
    k, m, sigma, delta, beta = float(p["k"].item()), float(p["m"].item()), float(p["sigma_obs"].item()), p["delta"], p["beta"]
    after = t[:, None] >= changes
    trend = np.full(len(t), m) if model.growth == "flat" else (k + after @ delta) * t + m + after @ (-changes * delta)
    additive, multiplicative = (model.train_component_cols[f"{mode}_terms"].to_numpy() for mode in ("additive", "multiplicative"))
    mean = trend * (1 + (x * multiplicative) @ beta) + (x * additive) @ beta
    scales = np.array(scales)
    value = (
        (k / 5) ** 2 / 2 + (m / 5) ** 2 / 2 + np.abs(delta).sum() / model.changepoint_prior_scale + (sigma / 0.5) ** 2 / 2
        + ((beta / scales) ** 2).sum() / 2 + len(y) * math.log(sigma) + ((y - mean) ** 2).sum() / (2 * sigma**2)
    )
    # A number per column that tells which is which, whatever order they stand in.
    rows = np.arange(len(y))
    marks = (x * (1 + rows % 11 + np.cos(rows))[:, None]).sum(axis=0)
    return {
        "value": value, "k": k, "m": m, "sigma": sigma, "delta": delta.tolist(),
        "beta": [{"column": c, "mark": a, "value": b} for c, a, b in zip(features.columns, marks.tolist(), beta.tolist())],
    }


def write(name, dates, y, n, settings, days, regressors):
    frame = pd.DataFrame({"ds": dates, "y": y, **regressors})
    holidays_frame = pd.DataFrame([{"ds": pd.Timestamp(d), "holiday": name} for name, ds in days.items() for d in ds]) if days else None
    past, future = frame[:n], frame[n:].drop(columns="y")

    def fitted(**how):
        model = prophet.Prophet(interval_width=LEVEL, uncertainty_samples=SAMPLES, holidays=holidays_frame, **originals(settings))
        for regressor in regressors:
            model.add_regressor(regressor)
        np.random.seed(1)
        model.fit(past, seed=1, **how)
        return model, model.predict(future)

    # The default L-BFGS stops early at the kinks of |delta|; Newton goes on.
    model, forecast = fitted(algorithm="LBFGS")
    newton, better = fitted(algorithm="Newton", iter=10000)
    step = "1h" if dates[1] - dates[0] < pd.Timedelta("1D") else "1d"
    bounds = lambda found: {f"{side}er": found[f"yhat_{side}er"].round(3).tolist() for side in ("low", "upp")}
    text = {
        "start": str(dates[0].date()), "step": step, "train": n, "settings": settings,
        "values": [None if math.isnan(v) else int(v) for v in y],
        "holidays": days, "regressors": {regressor: list(map(float, v)) for regressor, v in regressors.items()},
        "level": LEVEL, "yhat": forecast["yhat"].round(6).tolist(), **bounds(forecast),
        "objective": objective(model),
        "newton": {"value": objective(newton)["value"], "yhat": better["yhat"].round(6).tolist(), **bounds(better)},
        "made_with": {"prophet": prophet.__version__, "cmdstanpy": cmdstanpy.__version__, "numpy": np.__version__,
                      "pandas": pd.__version__, "python": platform.python_version()},
    }
    path = HERE / f"{name}.json"
    path.write_text(json.dumps(text) + "\n")
    print(name, f"objective {text['objective']['value']:.6f}, Newton {text['newton']['value']:.6f},", path.stat().st_size, "bytes")


if __name__ == "__main__":
    for case in (flat_trend, holidays, yearly_weekly, multiplicative, hourly, regressor_and_gaps, bending_trend):
        write(case.__name__, *case())
    for name, *case in SERIES:
        write(name, *of_series(*case))
