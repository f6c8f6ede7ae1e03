"""Writes cases.json and series.json: series, statsmodels' own fitted parameters, and its forecasts at these parameters.

    python3 -m venv venv && venv/bin/pip install statsmodels==0.15.0 numpy==2.4.6 pandas==3.1.1 scipy==1.17.1
    OMP_NUM_THREADS=1 venv/bin/python make.py [made-up|series]

Parameters and log-likelihood: SARIMAX(..., simple_differencing=True).fit(). Forecasts of complete series: the undifferenced model of the
same package with its exactly diffuse start, filtered at the same parameters. Forecasts of
series with missing values: the differenced model's, added up here; the undifferenced model would use more than the differences do.
"""

import csv
import json
import pathlib
import sys
import warnings

import numpy as np
import scipy
import statsmodels
from statsmodels.tsa.statespace.sarimax import SARIMAX

warnings.filterwarnings("ignore")
LEVEL = 0.99
HERE = pathlib.Path(__file__).parent


def weekly(rng, n, level=150, size=40, trend=0.0, noise=9.0):
    week = np.array([1.0, 0.7, 0.6, 0.5, 0.2, -1.4, -1.6])
    return np.round(level + trend * np.arange(n) + size * week[np.arange(n) % 7] + rng.normal(0, noise, n))


def hourly(rng, n):
    t = np.arange(n)
    rate = 120 + 70 * np.sin(2 * np.pi * (t % 24 - 9) / 24) + 15 * np.cos(4 * np.pi * t / 24)
    slow = np.zeros(n)
    for i in range(1, n):
        slow[i] = 0.9 * slow[i - 1] + rng.normal(0, 0.03)
    return rng.poisson(rate * np.exp(slow)).astype(float)


def sluggish(rng, n, level=300):
    y = np.full(n, float(level))
    for i in range(1, n):
        y[i] = level + 0.85 * (y[i - 1] - level) + rng.normal(0, 12)
    return np.round(y)


def walk(rng, n):
    return np.round(400 + np.cumsum(rng.normal(0.5, 6, n)) + rng.normal(0, 8, n))


def with_gaps(y, places):
    y = y.copy()
    y[places] = np.nan
    return y


def cases():
    rng = np.random.default_rng(20240607)
    yield "weekly", weekly(rng, 200), (1, 0, 1), (1, 1, 1), 7, "n", 28
    yield "weekly with a trend and a drift", weekly(rng, 182, trend=0.4), (1, 0, 1), (0, 1, 1), 7, "c", 21
    yield "airline", weekly(rng, 150, trend=-0.2, noise=14), (0, 1, 1), (0, 1, 1), 7, "n", 30
    yield "sluggish without a season", sluggish(rng, 160), (2, 0, 1), (0, 0, 0), 7, "c", 15
    yield "random walk with noise", walk(rng, 180), (0, 1, 2), (0, 0, 0), 7, "n", 15
    yield "season of twelve", np.round(200 + 60 * np.sin(2 * np.pi * np.arange(168) / 12) + rng.normal(0, 10, 168)), (2, 0, 0), (1, 1, 0), 12, "n", 24
    yield "hourly", hourly(rng, 24 * 28), (1, 0, 1), (1, 1, 1), 24, "n", 48
    gaps = np.r_[31, 32, 77, 100:104, 140]
    yield "weekly with missing values", with_gaps(weekly(rng, 200), gaps), (1, 0, 1), (1, 1, 1), 7, "n", 14
    yield "hourly with missing values", with_gaps(hourly(rng, 24 * 24), np.r_[200:206, 333]), (1, 0, 1), (1, 1, 1), 24, "n", 30
    yield "random walk with missing values", with_gaps(walk(rng, 150), np.r_[12, 60:66, 119]), (1, 1, 1), (0, 0, 0), 7, "n", 10


def polynomial(order, seasonal, s):
    product = np.array([1.0])
    for _ in range(order[1]):
        product = np.convolve(product, [1, -1])
    for _ in range(seasonal[1]):
        product = np.convolve(product, np.r_[1, np.zeros(s - 1), -1])
    return product


def from_series():
    """Series of ../series: name, how many of the last buckets are to be forecast, order, seasonal, season, trend, regressors."""
    yield "uneven-days", 28, (1, 0, 1), (1, 1, 1), 7, "n", {}
    yield "small-days", 28, (2, 0, 1), (0, 1, 1), 7, "n", {}
    yield "growing-days", 28, (0, 1, 1), (0, 1, 1), 7, "n", {}
    yield "shifted-days", 21, (1, 1, 1), (1, 0, 1), 7, "n", {}
    yield "bursting-days", 21, (1, 0, 0), (0, 1, 1), 7, "c", {}
    yield "outage-days", 28, (1, 0, 1), (0, 1, 1), 7, "n", {}
    yield "holiday-days", 40, (1, 0, 1), (0, 1, 1), 7, "n", {"holiday": german_holiday}
    yield "yearly-days", 28, (2, 0, 2), (0, 1, 1), 7, "c", {"cosine": lambda t, _: np.cos(2 * np.pi * t / 365.25), "sine": lambda t, _: 20 * np.sin(2 * np.pi * t / 365.25)}
    yield "outage-hours", 48, (1, 0, 1), (1, 1, 1), 24, "n", {"night shift": lambda t, _: np.where((t % 24 < 6) & (t // 24 % 7 < 5), 1.0, 0.0)}
    yield "outage-days", 14, (1, 0, 0), (1, 0, 0), 7, "c", {"ramp": lambda t, _: np.round(t % 31 / 7, 3)}
    yield "quiet-hours", 48, (2, 0, 0), (1, 1, 0), 24, "n", {}
    yield "night-hours", 48, (1, 0, 1), (0, 1, 1), 24, "n", {}
    yield "night-hours", 24, (2, 0, 1), (1, 0, 1), 24, "c", {}
    yield "rare-days", 14, (1, 0, 1), (0, 0, 0), 7, "c", {}
    yield "no-season", 30, (0, 1, 2), (0, 0, 0), 7, "n", {}
    yield "no-season", 30, (3, 0, 1), (0, 0, 0), 7, "c", {"steps": lambda t, _: 100.0 * (t // 60 % 2)}
    yield "sixty-days", 14, (0, 1, 1), (0, 1, 1), 7, "n", {}
    yield "ten-days-of-hours", 24, (1, 0, 0), (0, 1, 1), 24, "n", {}
    yield "three-years", 60, (1, 1, 2), (0, 1, 1), 7, "n", {"holiday": german_holiday}


def german_holiday(_, stamps):
    fixed = {"01-01", "05-01", "10-03", "12-25", "12-26"}
    days = [np.datetime64(stamp[:10]) for stamp in stamps]
    easter = {np.datetime64(day) for day in ("2021-04-04", "2022-04-17", "2023-04-09", "2024-03-31", "2025-04-20")}
    moving = {day + np.timedelta64(k, "D") for day in easter for k in (-2, 1, 39, 50)}
    return np.array([1.0 if str(day)[5:] in fixed or day in moving else 0.0 for day in days])


def read(name):
    with open(HERE.parent / "series" / f"{name}.csv") as file:
        rows = list(csv.DictReader(file))
    return [row["time"] for row in rows], np.array([float(row["value"]) if row["value"] else np.nan for row in rows])


def forecasts(y, order, seasonal, s, trend, params, horizon, past=None, future=None):
    """The undifferenced model at the same parameters: means and bounds."""
    season = (*seasonal, s) if any(seasonal) else (0, 0, 0, 0)
    # An intercept of the differences is one of the undifferenced state equation too.
    model = SARIMAX(y, exog=past, order=order, seasonal_order=season, trend=trend, use_exact_diffuse=True)
    result = model.filter(params)
    ahead = result.get_forecast(horizon, exog=future)
    bounds = ahead.conf_int(alpha=1 - LEVEL)
    return ahead.predicted_mean, bounds[:, 0], bounds[:, 1]


def summed_forecasts(y, order, seasonal, s, trend, params, horizon, past=None, future=None):
    """The differenced model, added up: missing values take the one-step forecast."""
    if past is not None:
        first = len(trend.replace("n", ""))
        weights = params[first:first + past.shape[1]]
        rest = np.delete(params, np.s_[first:first + past.shape[1]])
        bounds = summed_forecasts(y - past @ weights, order, seasonal, s, trend, rest, horizon)
        return [bound + future @ weights for bound in bounds]
    season = (*seasonal, s) if any(seasonal) else (0, 0, 0, 0)
    model = SARIMAX(y, order=order, seasonal_order=season, trend=trend, simple_differencing=True)
    result = model.filter(params)
    delta = polynomial(order, seasonal, s)
    lost = len(delta) - 1
    values = list(y[:lost])
    for t in range(lost, len(y)):
        base = -sum(delta[k] * values[t - k] for k in range(1, lost + 1))
        values.append(y[t] if not np.isnan(y[t]) else result.fittedvalues[t - lost] + base)
    for w in result.get_forecast(horizon).predicted_mean:
        values.append(w - sum(delta[k] * values[len(values) - k] for k in range(1, lost + 1)))
    # Covariance of the errors of the differences, then of their sums.
    states = result.filter_results
    t, noise = states.transition[:, :, 0], states.selection[:, :, 0] @ states.state_cov[:, :, 0] @ states.selection[:, :, 0].T
    covariance, state = np.zeros((horizon, horizon)), states.predicted_state_cov[:, :, -1]
    for i in range(horizon):
        ahead = state.copy()
        for j in range(i, horizon):
            covariance[i, j] = covariance[j, i] = ahead[0, 0]
            ahead = t @ ahead
        state = t @ state @ t.T + noise
    differencing = np.zeros((horizon, horizon))
    for i in range(horizon):
        for k in range(min(i, lost) + 1):
            differencing[i, i - k] = delta[k]
    summing = np.linalg.inv(differencing)
    sd = np.sqrt(np.diag(summing @ covariance @ summing.T))
    mean = np.array(values[len(y):])
    reach = scipy.stats.norm.ppf(0.5 + LEVEL / 2) * sd
    return mean, mean - reach, mean + reach


def case(name, y, order, seasonal, s, trend, horizon, past=None, future=None):
    season = (*seasonal, s) if any(seasonal) else (0, 0, 0, 0)
    fit = SARIMAX(y, exog=past, order=order, seasonal_order=season, trend=trend, simple_differencing=True).fit(disp=False, maxiter=500)
    ahead = summed_forecasts if np.isnan(y).any() else forecasts
    mean, lower, upper = ahead(y, order, seasonal, s, trend, fit.params, horizon, past, future)
    print(name, fit.llf, fit.params, flush=True)
    return {
        "name": name, "order": order, "seasonal": seasonal, "season": s, "trend": trend,
        "parameters": list(map(float, fit.params)), "log_likelihood": float(fit.llf),
        "mean": list(map(float, mean)), "lower": list(map(float, lower)), "upper": list(map(float, upper)),
    }


def made_up():
    for name, y, *rest in cases():
        yield case(name, y, *rest) | {"values": [None if np.isnan(v) else float(v) for v in y]}


def of_series():
    for name, horizon, order, seasonal, s, trend, regressors in from_series():
        stamps, values = read(name)
        t = np.arange(len(values))
        columns = [[column, list(map(float, make(t, stamps)))] for column, make in regressors.items()]
        exog = np.array([values for _, values in columns]).T if columns else None
        cut = len(values) - horizon
        parts = (None, None) if exog is None else (exog[:cut], exog[cut:])
        title = f"{name} {order}{seasonal}{s if any(seasonal) else ''} {trend}" + "".join(f" {column}" for column in regressors)
        yield case(title, values[:cut], order, seasonal, s, trend, horizon, *parts) | {"series": name, "regressors": columns}


def write(file, cases):
    versions = {"statsmodels": statsmodels.__version__, "numpy": np.__version__, "scipy": scipy.__version__}
    text = ",\n".join(json.dumps(case) for case in cases)
    (HERE / file).write_text('{"versions": ' + json.dumps(versions) + ', "level": 0.99, "cases": [\n' + text + "\n]}\n")


wanted = sys.argv[1:] or ["made-up", "series"]
if "made-up" in wanted:
    write("cases.json", made_up())
if "series" in wanted:
    write("series.json", of_series())
